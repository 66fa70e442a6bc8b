/** Worker processes of one of the other queues: what they do is counted here as they tell it. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { until } from './subject.ts'

/** What a worker tells every few ms: jobs that ended, and how long after their being added the stamped ones began, in ms. */
export interface Told {
  readonly ready?: boolean
  readonly done?: number
  readonly starts?: readonly number[]
}

/** What it is told. */
export type Order = 'begin' | 'stop'

export class Workers {
  readonly #children: readonly ChildProcess[]
  readonly starts: number[] = []
  done = 0
  #ready = 0

  /** @param file beside this one; gets `args` */
  constructor(file: string, args: readonly string[], count: number) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    this.#children = Array.from({ length: count }, () => {
      // Standard output is for the result of the bench.
      const child = fork(path, args, { stdio: ['ignore', 2, 2, 'ipc'] })
      child.on('message', told => this.#told(told as Told))
      return child
    })
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => pid ?? [])
  }

  /** Tells all, and waits until all say that it is so. */
  async order(order: Order): Promise<void> {
    this.#ready = 0
    for (const child of this.#children) child.send(order)
    await until(`all workers ${order}`, () => this.#ready === this.#children.length)
  }

  /** The first jobs of a worker say that it is there. */
  async ready(): Promise<void> {
    await until('all workers are there', () => this.#ready === this.#children.length)
  }

  async close(): Promise<void> {
    const gone = this.#children.map(child => new Promise(resolve => child.once('exit', resolve)))
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(gone)
  }

  #told({ ready, done = 0, starts = [] }: Told): void {
    if (ready === true) this.#ready++
    this.done += done
    this.starts.push(...starts)
  }
}

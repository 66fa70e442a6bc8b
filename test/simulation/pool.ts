/** Runs seeds on several worker threads; every worker takes the next seed when it is done with one. */
import { Worker } from 'node:worker_threads'
import type { SeedResult } from './seed-run.ts'
import type { Shape } from './shape.ts'

export interface PoolOptions {
  readonly workers: number
  readonly jobs: Iterable<Shape>
  /** Called for each result as it comes, in no particular order; `false` stops the pool. */
  readonly onResult: (result: SeedResult) => boolean
}

export async function runPool({ workers, jobs, onResult }: PoolOptions): Promise<void> {
  const iterator = jobs[Symbol.iterator]()
  let stopped = false
  const next = (): Shape | undefined => {
    const job = stopped ? undefined : iterator.next()
    return job === undefined || job.done ? undefined : job.value
  }
  const take = (result: SeedResult): void => {
    if (!onResult(result)) stopped = true
  }
  await Promise.all(Array.from({ length: workers }, () => work(next, take)))
}

function work(next: () => Shape | undefined, done: (result: SeedResult) => void): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url))
  return new Promise<void>((resolve, reject) => {
    const feed = (): void => {
      const job = next()
      if (job === undefined) resolve()
      else worker.postMessage(job)
    }
    worker.on('message', (result: SeedResult) => {
      done(result)
      feed()
    })
    worker.on('error', reject)
    worker.on('messageerror', reject)
    feed()
  }).finally(() => worker.terminate())
}

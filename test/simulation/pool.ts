/** Runs seeds on several worker threads; every worker takes the next seed when it is done with one. */
import { Worker } from 'node:worker_threads'
import type { SeedOptions, SeedResult } from './seed-run.ts'

export interface PoolOptions {
  readonly workers: number
  readonly jobs: Iterable<SeedOptions>
  /** Called for each result as it comes, in no particular order; `false` stops the pool. */
  readonly onResult: (result: SeedResult, options: SeedOptions) => boolean
}

export async function runPool({ workers, jobs, onResult }: PoolOptions): Promise<void> {
  const iterator = jobs[Symbol.iterator]()
  let stopped = false
  const next = (): SeedOptions | undefined => {
    const job = stopped ? undefined : iterator.next()
    return job === undefined || job.done ? undefined : job.value
  }
  const one = (): Promise<void> =>
    work(next, (result, options) => {
      if (!onResult(result, options)) stopped = true
    })
  await Promise.all(Array.from({ length: workers }, one))
}

function work(
  next: () => SeedOptions | undefined,
  done: (result: SeedResult, options: SeedOptions) => void,
): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url))
  return new Promise<void>((resolve, reject) => {
    let current = next()
    const feed = (): void => {
      if (current === undefined) resolve()
      else worker.postMessage(current)
    }
    worker.on('message', (result: SeedResult) => {
      if (current !== undefined) done(result, current)
      current = next()
      feed()
    })
    worker.on('error', reject)
    worker.on('messageerror', reject)
    feed()
  }).finally(() => worker.terminate())
}

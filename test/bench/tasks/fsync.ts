/** What the disk takes for one small write that is durable: no durable queue can be faster for one who waits. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const TIMES = 200
const BYTES = 4_096

/** Each of some writes of 4 KiB with its sync, in ms, sorted. */
export function fsyncMs(directory: string): readonly number[] {
  const file = join(directory, 'fsync')
  const descriptor = openSync(file, 'w')
  const block = Buffer.alloc(BYTES, 1)
  try {
    return Array.from({ length: TIMES }, () => {
      writeSync(descriptor, block)
      const from = performance.now()
      fdatasyncSync(descriptor)
      return performance.now() - from
    }).sort((a, b) => a - b)
  } finally {
    closeSync(descriptor)
    rmSync(file)
  }
}

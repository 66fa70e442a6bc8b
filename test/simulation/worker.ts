/** One worker thread: runs the seeds it is given, one after the other, and posts what came of each. */
import { parentPort } from 'node:worker_threads'
import { assert } from '../../src/base/assert.ts'
import { runSeed, type SeedOptions } from './seed-run.ts'

/** Events told with a violation. */
const TRANSCRIPT_LINES = 120

assert(parentPort !== null, 'this runs in a worker thread')
const port = parentPort

port.on('message', (options: SeedOptions) => {
  const result = runSeed(options)
  // The run is deterministic, so the transcript may be made in a second run: the first one then need not pay for it.
  port.postMessage(result.violation === undefined ? result : runSeed({ ...options, lines: TRANSCRIPT_LINES }))
})

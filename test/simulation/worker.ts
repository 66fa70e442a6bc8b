/** One worker thread: runs the seeds it is given, one after the other, and posts what came of each. */
import { parentPort } from 'node:worker_threads'
import { assert } from '../../src/base/assert.ts'
import { runSeed } from './seed-run.ts'
import type { Shape } from './shape.ts'

/** Events told with a violation: enough for the last seconds of a small cluster. */
const TRANSCRIPT_LINES = 3_000

assert(parentPort !== null, 'this runs in a worker thread')
const port = parentPort

port.on('message', (shape: Shape) => {
  const result = runSeed(shape)
  // The run is deterministic, so the transcript may be made in a second run: the first one then need not pay for it.
  port.postMessage(result.violation === undefined ? result : runSeed({ ...shape, lines: TRANSCRIPT_LINES }))
})

/** The thread of `readElsewhere`: reads the configuration once, answers, and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { CodedError } from '../base/errors.ts'
import { type ConfigSources, parseConfig } from '../config/parse.ts'
import type { Reading } from './reading.ts'

assert(parentPort !== null, 'the configuration is read in a worker thread')

function read(sources: ConfigSources): Reading {
  try {
    return { ok: true, config: parseConfig(sources) }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const { code, detail, problems } = error
    return { ok: false, code, detail, problems }
  }
}

parentPort.postMessage(read(workerData as ConfigSources))

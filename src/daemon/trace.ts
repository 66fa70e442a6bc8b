/**
 * A recording of everything that happened to this node's core: first line what it was born with, then each input with
 * its time. The core is deterministic, so a recording replays to the same verdicts on another machine.
 */
import { createWriteStream } from 'node:fs'
import type { Now } from '../base/time.ts'
import type { NodeInit } from '../node/init.ts'
import type { Input } from '../node/machine.ts'

/** A recording ends when its file is this large; the daemon goes on. */
const TRACE_BYTES_MAX = 256 * 1024 * 1024

export interface Trace {
  readonly input: (input: Input, now: Now) => void
  close(): Promise<void>
}

export function recordTrace(path: string, init: NodeInit, now: Now, failed: (error: Error) => void): Trace {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  let open = true
  file.on('error', error => {
    open = false
    failed(error)
  })
  const { check: _, nextSlot: __, ...born } = init
  file.write(`${JSON.stringify({ init: born, now })}\n`)
  return {
    input(input, at) {
      if (!open) return
      file.write(`${JSON.stringify({ input, now: at })}\n`)
      if (file.bytesWritten > TRACE_BYTES_MAX) open = false
    },
    close: () =>
      new Promise(resolve => {
        if (file.destroyed) resolve()
        else file.end(() => resolve())
      }),
  }
}

/**
 * The world of a command: where it writes, what it may assume about the reader, and when it must stop. Commands get it
 * as an argument and touch neither `process.stdout` nor signals, so tests run them in process.
 */
import type { Readable, Writable } from 'node:stream'

export interface Terminal {
  /** Answers go here, and with `--json` nothing else does. */
  readonly out: Output
  /** Errors and progress. */
  readonly err: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** All of standard input, or more than the limit of it; `undefined` when it is a terminal, since nobody typed anything. */
  readInput(limitBytes: number): Promise<Uint8Array | undefined>
  /** Standard input as it comes; `undefined` when it is a terminal. */
  openInput(): AsyncIterable<Uint8Array> | undefined
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly interrupted: AbortSignal
  /** Aborted by the second. */
  readonly killed: AbortSignal
}

export interface Output {
  write(text: string): void
  readonly isTerminal: boolean
  readonly columns: number
  /** On a terminal, without NO_COLOR. */
  readonly colours: boolean
  /** The reader has gone (`| head -1`): what is written falls on the floor, so a long listing may end early. */
  readonly closed: boolean
}

/** The user has had enough (Ctrl-C, SIGTERM): not an error of anybody. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The real one. */
export interface ProcessTerminal extends Terminal {
  /** Nothing is read any more: whoever has standard input open for writing keeps this process no longer. */
  leaveInput(): void
}

/** Signals are caught from the first use of `interrupted` on; before that they end the process as usual. */
export function processTerminal(): ProcessTerminal {
  let signals: { readonly interrupted: AbortController; readonly killed: AbortController } | undefined
  let hasRead = false
  const input = () => {
    hasRead = true
    return process.stdin
  }
  const caught = () => {
    signals ??= catchSignals()
    return signals
  }
  return {
    out: outputOf(process.stdout, process.env),
    err: outputOf(process.stderr, process.env),
    env: process.env,
    readInput: limit => (process.stdin.isTTY ? Promise.resolve(undefined) : readAll(input(), limit)),
    openInput: () => (process.stdin.isTTY ? undefined : input()),
    // A file has no `unref`, and ends by itself.
    leaveInput: () => {
      if (hasRead) process.stdin.unref?.()
    },
    get interrupted() {
      return caught().interrupted.signal
    },
    get killed() {
      return caught().killed.signal
    },
  }
}

function catchSignals() {
  const interrupted = new AbortController()
  const killed = new AbortController()
  for (const signal of SIGNALS)
    process.on(signal, () =>
      (interrupted.signal.aborted ? killed : interrupted).abort(new Interrupted(signal)),
    )
  return { interrupted, killed }
}

/** What a stream offers to an `Output`; ttys have columns. */
type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }

export function outputOf(stream: OutputStream, env: Terminal['env']): Output {
  let closed = false
  // A reader that has seen enough is no error of ours; everything else (a full disk) is, and ends the process.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error
    closed = true
  })
  const isTerminal = stream.isTTY === true
  return {
    write: text => {
      if (!closed) stream.write(text)
    },
    isTerminal,
    get columns() {
      return stream.columns ?? 100
    },
    colours: isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    get closed() {
      return closed
    },
  }
}

async function readAll(stream: Readable, limitBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk as Buffer)
    bytes += buffer.length
    chunks.push(buffer)
    // One chunk too many is enough to be refused as too large.
    if (bytes > limitBytes) break
  }
  return Buffer.concat(chunks)
}

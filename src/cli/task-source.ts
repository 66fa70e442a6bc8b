/** Where many tasks come from: a file or standard input, line by line, or a list that was read whole. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { usage } from './arguments.ts'
import type { TaskSource } from './commands/submit-many.ts'
import { utf8Text } from './utf8-text.ts'

/** A line that is not sent, and why: it would come as another one, or take all memory. */
export interface UnreadableLine {
  readonly code: 'BAD_REQUEST' | 'BODY_TOO_LARGE'
  readonly detail: string
}

/** Bytes of one line; the daemon's own limit (1 MiB unless told) decides below that. */
const LINE_BYTES_MAX = 16 * 1024 * 1024

/** Files whose name says that they hold one task a line. */
export const namesLines = (file: string): boolean => /\.(?:ndjson|jsonl)$/i.test(file)

/** @throws what the file system says */
export async function linesOfFile(file: string): Promise<TaskSource> {
  const { size } = await stat(file)
  return { lines: linesOf(bytesOf(file)), name: file, bytes: size }
}

export const linesOfInput = (input: AsyncIterable<Uint8Array>): TaskSource => ({
  lines: linesOf(input),
  name: 'standard input',
})

export function linesOfList(values: readonly unknown[], name: string): TaskSource {
  const texts = values.map(value => JSON.stringify(value))
  const bytes = texts.reduce((sum, text) => sum + text.length + 1, 0)
  return { lines: Readable.from(texts), name, bytes }
}

/** @throws CodedError `USAGE`; a directory, say, says so only when it is read */
async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file)
  } catch (error) {
    const got = (error as Error).message
    throw usage('submit', [{ at: '--file', expected: 'a file that can be read', got }])
  }
}

const NEWLINE = 0x0a

/**
 * Cut at newlines only, as the daemon cuts them. Not taken: `node:readline`, which cuts at U+2028 and U+2029 too; in a text
 * of JSON these may stand as they are.
 */
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string | UnreadableLine> {
  let held: Uint8Array[] = []
  let bytes = 0
  // Of a line that is too long only the length is kept: what has no newline at all may have no end either.
  const keep = (piece: Uint8Array): void => {
    bytes += piece.length
    if (bytes > LINE_BYTES_MAX) held = []
    else if (piece.length > 0) held.push(piece)
  }
  const close = (): string | UnreadableLine => {
    const line = bytes > LINE_BYTES_MAX ? TOO_LONG : textOf(held)
    held = []
    bytes = 0
    return line
  }
  for await (const chunk of input) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      keep(chunk.subarray(from, at))
      yield close()
      from = at + 1
    }
    keep(chunk.subarray(from))
  }
  if (bytes > 0) yield close()
}

const TOO_LONG: UnreadableLine = {
  ...{ code: 'BODY_TOO_LARGE', detail: `Expected a line of at most ${LINE_BYTES_MAX} bytes, got more.` },
}
const NOT_UTF8: UnreadableLine = { code: 'BAD_REQUEST', detail: 'Expected JSON in UTF-8, got other bytes.' }

/** A character may lie in two pieces, so that only the whole line is text. A byte order mark is left out, as the daemon does. */
const textOf = (pieces: readonly Uint8Array[]): string | UnreadableLine =>
  utf8Text(Buffer.concat(pieces)) ?? NOT_UTF8

/** Where many tasks come from: a file or standard input, line by line, or a list that was read whole. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { usage } from './arguments.ts'
import type { TaskSource } from './commands/submit-many.ts'

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
async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held: Uint8Array[] = []
  for await (const chunk of input) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      yield textOf([...held, chunk.subarray(from, at)])
      held = []
      from = at + 1
    }
    if (from < chunk.length) held.push(chunk.subarray(from))
  }
  if (held.length > 0) yield textOf(held)
}

/** A character may lie in two pieces, so that only the whole line is text. */
const textOf = (pieces: readonly Uint8Array[]): string => Buffer.concat(pieces).toString('utf8')

/** Where many tasks come from: a file or standard input, line by line, or a list that was read whole. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { TaskSource } from './commands/submit-many.ts'

/** Files whose name says that they hold one task a line. */
export const namesLines = (file: string): boolean => /\.(?:ndjson|jsonl)$/i.test(file)

/** @throws what the file system says */
export async function linesOfFile(file: string): Promise<TaskSource> {
  const { size } = await stat(file)
  return { lines: linesOf(createReadStream(file)), name: file, bytes: size }
}

export const linesOfInput = (input: AsyncIterable<Uint8Array>): TaskSource => ({
  lines: linesOf(Readable.from(input, { objectMode: false })),
  name: 'standard input',
})

export function linesOfList(values: readonly unknown[], name: string): TaskSource {
  const texts = values.map(value => JSON.stringify(value))
  const bytes = texts.reduce((sum, text) => sum + text.length + 1, 0)
  return { lines: Readable.from(texts), name, bytes }
}

const linesOf = (input: Readable): AsyncIterable<string> =>
  createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })

import type { Problem } from '../../base/errors.ts'
import { lossOf } from '../../base/faithful-json.ts'
import type { ListEntry } from '../../tasks/task-list.ts'
import { openList, unreadable } from './list-source.ts'

/** 200,000 tasks of 2.5 KB. */
export const NDJSON_BYTES_MAX = 512 * 1024 * 1024

/** A task with the largest payload that may be configured, and its other fields. */
export const LINE_BYTES_MAX = 1024 * 1024

/** Bytes read at one time: their parsing takes well below a millisecond a task. */
const CHUNK_BYTES = 64 * 1024

const NEWLINE = 0x0a

/** The entries of an NDJSON file, a chunk at a time. Blank lines are skipped. Throws TASK_LIST_UNREADABLE. */
export async function* ndjsonEntries(
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Iterable<ListEntry | Problem>> {
  const handle = await openList(path, NDJSON_BYTES_MAX)
  const lines = new Lines()
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES)
    for (let length = -1, total = 0; length !== 0 && total <= NDJSON_BYTES_MAX; total += length) {
      signal?.throwIfAborted()
      length = (await handle.read(buffer, 0, CHUNK_BYTES, null)).bytesRead
      yield length === 0 ? lines.last() : lines.of(buffer.subarray(0, length))
    }
  } catch (cause) {
    throw signal?.aborted === true ? signal.reason : unreadable(path, cause)
  } finally {
    await handle.close()
  }
}

/** Cuts chunks into lines and keeps what is left over for the next one. */
class Lines {
  #number = 0
  #rest: Buffer[] = []
  #restBytes = 0;

  *of(chunk: Buffer): Generator<ListEntry | Problem> {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#keep(chunk.subarray(start, end))
      start = end + 1
      yield* this.last()
    }
    this.#keep(chunk.subarray(start))
  }

  /** What stands since the last newline, as a line. */
  *last(): Generator<ListEntry | Problem> {
    this.#number++
    const at = `line ${this.#number}`
    const bytes = this.#restBytes
    const line = Buffer.concat(this.#rest)
    this.#rest = []
    this.#restBytes = 0
    if (bytes > LINE_BYTES_MAX)
      yield { at, expected: `at most ${LINE_BYTES_MAX} bytes`, got: `${bytes} bytes` }
    else if (bytes > 0) yield* entryOf(at, line)
  }

  /** Of a line that is too long only the length is kept. Copied: the chunk's memory is used again. */
  #keep(part: Buffer): void {
    this.#restBytes += part.length
    if (this.#restBytes > LINE_BYTES_MAX) this.#rest = []
    else if (part.length > 0) this.#rest.push(Buffer.from(part))
  }
}

function* entryOf(at: string, line: Buffer): Generator<ListEntry | Problem> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line).trim()
  } catch {
    yield { at, expected: 'UTF-8 text', got: 'other bytes' }
    return
  }
  if (text === '') return
  try {
    const value: unknown = JSON.parse(text)
    const loss = lossOf(text, value)
    yield loss === undefined ? { at, value } : { at, ...loss }
  } catch (error) {
    const position = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined
    yield {
      at,
      expected: 'a task as JSON',
      got: position === undefined ? 'no JSON' : `no JSON from character ${position} on`,
    }
  }
}

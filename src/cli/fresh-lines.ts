/** Tasks that are read line by line and have not been sent yet. */
import type { ItemResult } from '../adapters/http/batch.ts'
import type { BatchProgress } from './batch-progress.ts'
import { jsonFault } from './json-fault.ts'
import { outgoing } from './repeatable-task.ts'
import type { UnreadableLine } from './task-source.ts'

export interface Sent {
  readonly line: number
  readonly text: string
  /** Of the task, where it has one. */
  readonly id?: string
  /** It has an id or a dedupe key, so that it runs once however often it is sent. */
  readonly repeatable: boolean
  /** It is not sent, for this reason. */
  readonly refusal?: ItemResult
}

/** None came for so long as was waited. */
export const QUIET = Symbol('quiet')

/** What has not been sent yet. When a connection breaks while the next one is waited for, that one is for the next connection. */
export class FreshLines {
  readonly #source: AsyncIterator<Sent>
  #next: Promise<Sent | undefined> | undefined
  #waiting: { readonly since: number; readonly end: (with_: typeof QUIET) => void } | undefined

  constructor(source: AsyncIterable<Sent>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next one, or undefined at the end, or `QUIET` when that was said meanwhile; the same until it is taken. */
  async peek(): Promise<Sent | undefined | typeof QUIET> {
    this.#next ??= this.#source.next().then(({ done, value }) => (done === true ? undefined : value))
    const { promise, resolve, reject } = Promise.withResolvers<Sent | undefined | typeof QUIET>()
    const waiting = { since: performance.now(), end: resolve }
    this.#waiting = waiting
    this.#next.then(resolve, reject)
    try {
      return await promise
    } finally {
      if (this.#waiting === waiting) this.#waiting = undefined
    }
  }

  take(): void {
    this.#next = undefined
  }

  /** Since when the next one is waited for, as `performance.now` has it. */
  get waitingSince(): number | undefined {
    return this.#waiting?.since
  }

  /** Whoever waits for the next one waits no longer. */
  endWait(): void {
    this.#waiting?.end(QUIET)
  }
}

/** Each line as a task with an id, and the fields of the options over it. What is no task goes as it is: the daemon refuses it. */
export async function* tasksOf(
  lines: AsyncIterable<string | UnreadableLine>,
  overrides: Readonly<Record<string, unknown>>,
  progress: BatchProgress,
): AsyncGenerator<Sent> {
  let line = 0
  for await (const text of lines) {
    line++
    if (typeof text !== 'string') {
      const refusal: ItemResult = { line, stored: 'no', ...text }
      yield { line, text: '', repeatable: true, refusal }
      continue
    }
    if (text.trim() === '') continue
    progress.sent(text.length + 1)
    const task = taskIn(text)
    if (task === undefined) yield { line, text, repeatable: true }
    else {
      const { task: whole, ...named } = outgoing({ ...task, ...overrides })
      yield { line, text: JSON.stringify(whole), ...named }
    }
  }
}

/** Undefined when it is no JSON object, or could not be written again as it is. */
function taskIn(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined // not JSON: the daemon says where
  }
  const plain = typeof value === 'object' && value !== null && !Array.isArray(value)
  return plain && jsonFault(text, value) === undefined
    ? (value as Readonly<Record<string, unknown>>)
    : undefined
}

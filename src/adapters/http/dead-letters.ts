/**
 * What is done to many dead letters at once. They are found page by page on all nodes, so neither memory nor the time of
 * one step grows with their number; how far it got is said, and it is safe to repeat.
 */

import { CodedError, type ErrorCode, type Failure } from '../../base/errors.ts'
import { asTaskId, type NodeId, TASK_ID_PATTERN, type TaskId } from '../../base/ids.ts'
import type { TaskRequest } from '../../tasks/messages.ts'
import type { KeptLetter, SurveyReply, TaskFilter } from '../../tasks/survey.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import { type BodyField, readBody } from './body-fields.ts'
import { type ClusterQuery, clusterPage } from './cluster-page.ts'
import type { Face } from './face.ts'
import type { Rounds } from './rounds.ts'
import { askAll, askOwners } from './waiting.ts'

/** Dead letters that one request acts on: at most, and unless it says. */
export const ACT_MAX = 10_000
export const ACT_DEFAULT = 1_000
/** Of these, so many at one time. */
const STEP_MAX = 250
/** Refusals that are named. */
const NAMED_MAX = 100

export interface Selection {
  readonly ids?: readonly TaskId[]
  readonly filter: TaskFilter
  /** The `next` of the outcome before: those up to it were seen to. */
  readonly cursor?: TaskId
  readonly limit: number
}

export interface Outcome {
  /** Dead letters that are ready to run again, or gone. */
  readonly done: number
  readonly failed: number
  /** The first of those. */
  readonly failures: readonly { readonly id: string; readonly code: ErrorCode; readonly detail: string }[]
  /** There may be more that match: ask again, from `next` on. */
  readonly more: boolean
  /** With `more`. What was seen to and is still a dead letter, or is one again, lies before it. */
  readonly next?: TaskId
  /** False: some living nodes did not answer, or did not answer for the rest, and may hold more. */
  readonly complete: boolean
  readonly silent: readonly string[]
}

const text: BodyField<string, false> = {
  expected: 'text of 1 to 128 characters',
  read: value => (typeof value === 'string' && value.length > 0 && value.length <= 128 ? value : undefined),
  required: false,
}
const FIELDS = {
  ids: {
    expected: `a list of 1 to ${ACT_MAX} task ids`,
    read: value => {
      if (!Array.isArray(value) || value.length === 0 || value.length > ACT_MAX) return undefined
      const ids = value.filter((id): id is string => typeof id === 'string' && TASK_ID_PATTERN.test(id))
      return ids.length === value.length ? [...new Set(ids)].map(asTaskId) : undefined
    },
    required: false,
  } satisfies BodyField<readonly TaskId[], false>,
  type: text,
  key: { ...text, expected: 'text of 1 to 1024 characters', read: value => keyIn(value) } satisfies BodyField<
    string,
    false
  >,
  group: text,
  q: text,
  all: {
    expected: 'true',
    read: value => (value === true ? true : undefined),
    required: false,
  } satisfies BodyField<true, false>,
  cursor: {
    expected: 'the `next` of the outcome before',
    read: value => (typeof value === 'string' && TASK_ID_PATTERN.test(value) ? asTaskId(value) : undefined),
    required: false,
  } satisfies BodyField<TaskId, false>,
  limit: {
    expected: `a whole number from 1 to ${ACT_MAX}`,
    read: value =>
      typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= ACT_MAX
        ? value
        : undefined,
    required: false,
  } satisfies BodyField<number, false>,
}

const keyIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length > 0 && value.length <= 1_024 ? value : undefined

/** Throws BAD_REQUEST. Nobody acts on all dead letters by forgetting to say which. */
export function readSelection(body: unknown): Selection {
  const { ids, all, cursor, limit, type, key, group, q } = readBody(body, FIELDS)
  const filter: TaskFilter = {
    state: 'dead',
    ...(type !== undefined && { type }),
    ...(key !== undefined && { key }),
    ...(group !== undefined && { group }),
    ...(q !== undefined && { q }),
  }
  const ways = Number(ids !== undefined) + Number(all === true) + Number(Object.keys(filter).length > 1)
  if (ways !== 1) {
    const expected = 'either ids, or some of type, key, group and q, or all: true'
    const got = ways === 0 ? 'none of them' : 'several of them'
    throw new CodedError('BAD_REQUEST', `Expected ${expected}, got ${got}.`, {
      problems: [{ at: 'body', expected, got }],
    })
  }
  if (ids !== undefined && cursor !== undefined) {
    const expected = 'it with a filter or all: true only'
    throw new CodedError('BAD_REQUEST', `cursor: expected ${expected}, got ids.`, {
      problems: [{ at: 'cursor', expected, got: 'ids' }],
    })
  }
  return { filter, limit: limit ?? ACT_DEFAULT, ...(ids && { ids }), ...(cursor && { cursor }) }
}

type Acted =
  | { readonly ok: true; readonly outcome: Outcome }
  | { readonly ok: false; readonly failure: Failure }
type Refusals = { id: string; code: ErrorCode; detail: string }[]
type Act = (face: Face, records: readonly TaskRecord[], refusals: Refusals) => Promise<readonly string[]>

/** Does one thing to all that are selected, as far as there is time. */
export async function actOnDead(
  face: Face,
  { ids, filter, cursor, limit }: Selection,
  act: Act,
  rounds: Rounds,
): Promise<Acted> {
  const acting = new Acting(face, act, rounds)
  if (ids !== undefined) return await acting.onIds(ids)
  return await acting.onFound({ filter, limit, ...(cursor && { cursor }) })
}

class Acting {
  readonly #face: Face
  readonly #act: Act
  readonly #rounds: Rounds
  readonly #refusals: Refusals = []
  readonly #silent = new Set<string>()
  /** Dead letters acted on, and those of them that it was done to. */
  #tried = 0
  #done = 0

  constructor(face: Face, act: Act, rounds: Rounds) {
    this.#face = face
    this.#act = act
    this.#rounds = rounds
  }

  async onIds(ids: readonly TaskId[]): Promise<Acted> {
    for (let from = 0; from < ids.length; from += STEP_MAX) {
      if (from > 0 && !this.#rounds.open) {
        for (const id of ids.slice(from)) this.#refusals.push({ id, ...LATE })
        break
      }
      const some = ids.slice(from, from + STEP_MAX)
      const records = await this.#rounds.run(() => recordsOf(this.#face, some, this.#refusals))
      if (records.length > 0) await this.#step(records)
    }
    return this.#outcome(undefined, true)
  }

  /** What was done before somebody failed to answer, or the time was up, stays done: asking again goes on from there. */
  async onFound({ filter, cursor, limit }: ClusterQuery): Promise<Acted> {
    let next = cursor
    do {
      const wanted = Math.min(1_000, limit - this.#tried)
      const query = { filter, limit: wanted, ...(next && { cursor: next }) }
      const found = await clusterPage(this.#face, query, this.#rounds)
      if (!found.ok) return this.#tried === 0 ? found : this.#outcome(next, false)
      const { tasks, silent, settling, next: after } = found.page
      for (const node of [...silent, ...settling]) this.#silent.add(node)
      const seen = await this.#steps(tasks)
      if (seen < tasks.length) return this.#outcome(tasks[seen - 1]?.spec.id ?? next, true)
      next = after === undefined ? undefined : asTaskId(after)
    } while (next !== undefined && this.#tried < limit && this.#rounds.open)
    return this.#outcome(next, true)
  }

  /** How many of them were seen to: some at least in each request, or the next one would be no further. */
  async #steps(records: readonly TaskRecord[]): Promise<number> {
    for (let from = 0; from < records.length; from += STEP_MAX) {
      if (this.#rounds.gone || (this.#tried > 0 && !this.#rounds.open)) return from
      await this.#step(records.slice(from, from + STEP_MAX))
    }
    return records.length
  }

  async #step(some: readonly TaskRecord[]): Promise<void> {
    const before = this.#refusals.length
    const silent = await this.#rounds.run(() => this.#act(this.#face, some, this.#refusals))
    for (const node of silent) this.#silent.add(node)
    this.#tried += some.length
    this.#done += some.length - (this.#refusals.length - before)
  }

  /** @param whole all nodes could be asked for all of it */
  #outcome(next: TaskId | undefined, whole: boolean): Acted {
    const refusals = this.#refusals
    const silent = [...this.#silent]
    const outcome: Outcome = {
      done: this.#done,
      failed: refusals.length,
      failures: refusals.slice(0, NAMED_MAX),
      more: next !== undefined,
      ...(next !== undefined && { next }),
      complete: whole && silent.length === 0,
      silent,
    }
    return { ok: true, outcome }
  }
}

const LATE = {
  code: 'DEADLINE',
  detail: 'there was no time for it in this request, and nothing was done to it: ask again',
} as const

/** The dead letters among these ids; what else there is, or is not, is refused. */
async function recordsOf(
  face: Face,
  ids: readonly TaskId[],
  refusals: Refusals,
): Promise<readonly TaskRecord[]> {
  const records: TaskRecord[] = []
  const replies = await askOwners(
    face,
    ids.map((task): TaskRequest => ({ kind: 'get', task })),
  )
  replies.forEach((reply, i) => {
    const id = ids[i] ?? ''
    if (!reply.ok) refusals.push({ id, code: reply.failure.code, detail: reply.failure.detail })
    else if (reply.record.state === 'dead') records.push(reply.record)
    else
      refusals.push({
        id,
        code: 'TASK_NOT_ENDED',
        detail: `it is ${reply.record.state}, and no dead letter`,
      })
  })
  return records
}

/** Each by the owner of its key. */
export async function redrive(
  face: Face,
  records: readonly TaskRecord[],
  refusals: Refusals,
): Promise<readonly string[]> {
  const requests = records.map(({ spec }): TaskRequest => ({ kind: 'retry', task: spec.id, key: spec.key }))
  const replies = await askOwners(face, requests)
  replies.forEach((reply, i) => {
    if (reply.ok) return
    refusals.push({ id: records[i]?.spec.id ?? '', code: reply.failure.code, detail: reply.failure.detail })
  })
  return []
}

/** By every node that has a copy. One that is away brings its copies back with it: a dead letter, that never runs. */
export async function purge(
  face: Face,
  records: readonly TaskRecord[],
  refusals: Refusals,
): Promise<readonly string[]> {
  const copies = records.map(({ spec, revision }) => ({ task: spec.id, revision }))
  const answer = await askAll(face, { kind: 'purge', copies })
  const refusalOf = answer.ok ? refusalsOf(answer) : () => answer.failure
  for (const { task } of copies) {
    const refusal = refusalOf(task)
    if (refusal !== undefined) refusals.push({ id: task, code: refusal.code, detail: refusal.detail })
  }
  return answer.ok ? answer.silent : []
}

/** Gone is what nobody who answered has any more; of what nobody said anything, those who are silent may have it. */
function refusalsOf({
  answers,
  silent,
}: Extract<SurveyReply, { ok: true }>): (task: TaskId) => Failure | undefined {
  const purged = new Set<TaskId>()
  const kept = new Map<TaskId, Failure>()
  for (const { node, answer } of answers) {
    if (answer.kind !== 'purge') continue
    for (const task of answer.purged) purged.add(task)
    for (const { task, why } of answer.kept) if (!kept.has(task)) kept.set(task, KEPT[why](node))
  }
  const unknown: Failure = {
    code: 'OWNER_UNREACHABLE',
    detail: `no node that answered has it, and ${silent.join(', ')} did not answer`,
  }
  return task => kept.get(task) ?? (purged.has(task) || silent.length === 0 ? undefined : unknown)
}

const KEPT: Readonly<Record<KeptLetter['why'], (node: NodeId) => Failure>> = {
  listed: node => ({
    code: 'TASK_LISTED',
    detail: `${node} has it in a task list; take it out of the list first`,
  }),
  changed: node => ({
    code: 'TASK_NOT_ENDED',
    detail: `on ${node} it is not the dead letter that was found: it was tried again, or its copy is another one`,
  }),
  stopping: node => ({
    code: 'TASK_NOT_ENDED',
    detail: `its last attempt on ${node} was ordered to stop, and has not ended`,
  }),
}

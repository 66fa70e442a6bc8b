/**
 * Did two nodes work on one thing at the same time, and for how long? Known where their records meet, by their own wall
 * clocks. Clocks that differ show what was not, or hide what was: a sign to look at, no proof.
 */
import { gauge, type Metric } from './counts.ts'
import { ATTEMPTS_KEPT, type Attempt, type TaskRecord } from './task.ts'

/** An attempt without an end goes on. */
export function overlaps(attempts: readonly Attempt[]): boolean {
  return attempts.some((one, i) => attempts.slice(i + 1).some(two => one.node !== two.node && meet(one, two)))
}

const endOf = ({ endedAt }: Attempt): number => endedAt ?? Number.POSITIVE_INFINITY

const meet = (one: Attempt, two: Attempt): boolean => one.startedAt < endOf(two) && two.startedAt < endOf(one)

/** Keys whose ended attempts are remembered; those that were busy longest ago are forgotten, half of them at a time. */
export const OVERLAP_KEYS_MAX = 2_048
/** Attempts remembered of one key: two records full of them. 2,048 keys full of them take some 10 MB. */
export const OVERLAP_ATTEMPTS_MAX = 2 * ATTEMPTS_KEPT

/** Upper ends of the buckets, in ms. */
const BUCKETS_MS = [1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000]

interface Span {
  readonly task: string
  readonly attempt: Attempt
}

/**
 * How long two nodes had attempts on one key at a time, of one task or of two. A pair is counted once, when both ends are
 * known. An attempt that was given up for lost has no known end: its node may be silent and still at it, and tells when
 * it is back.
 */
export class Overlaps {
  /** Two halves: forgetting one by one would walk over what was forgotten before. */
  #spans = new Map<string, Span[]>()
  #older: ReadonlyMap<string, Span[]> = new Map()
  readonly #buckets = BUCKETS_MS.map(() => 0)
  #count = 0
  #sumMs = 0

  /** A record became another; `before` is undefined where this node had none. */
  note(before: TaskRecord | undefined, after: TaskRecord): void {
    if (after.attempts === before?.attempts) return
    for (const attempt of after.attempts) {
      const wasOver = before?.attempts.some(each => isOver(each) && isSame(each, attempt)) ?? false
      if (isOver(attempt) && !wasOver) this.#over(after.spec, attempt)
    }
  }

  metrics(): Metric[] {
    const bucket = (le: string, value: number) => ({ suffix: '_bucket', labels: { le }, value }) as const
    return [
      {
        name: 'key_overlap_seconds',
        help: 'Time for which two nodes had attempts on one key at once, by the clocks of those nodes. Counted by each node where the records of both met.',
        type: 'histogram',
        samples: [
          ...BUCKETS_MS.map((ms, i) => bucket(String(ms / 1_000), this.#buckets[i] ?? 0)),
          bucket('+Inf', this.#count),
          { suffix: '_sum', value: this.#sumMs / 1_000 },
          { suffix: '_count', value: this.#count },
        ],
      },
      gauge('key_overlap_keys', 'Keys watched for overlaps.', this.#spans.size + this.#older.size),
    ]
  }

  #over({ id, key }: TaskRecord['spec'], attempt: Attempt): void {
    const spans = this.#spans.get(key) ?? this.#older.get(key) ?? []
    if (spans.some(each => each.task === id && isSame(each.attempt, attempt))) return
    for (const other of spans) if (other.attempt.node !== attempt.node) this.#together(attempt, other.attempt)
    spans.push({ task: id, attempt })
    if (spans.length > OVERLAP_ATTEMPTS_MAX) spans.shift()
    this.#spans.set(key, spans)
    if (this.#spans.size < OVERLAP_KEYS_MAX / 2) return
    this.#older = this.#spans
    this.#spans = new Map()
  }

  #together(one: Attempt, two: Attempt): void {
    const ms = Math.min(endOf(one), endOf(two)) - Math.max(one.startedAt, two.startedAt)
    if (ms <= 0) return
    this.#count++
    this.#sumMs += ms
    for (const [i, most] of BUCKETS_MS.entries()) {
      if (ms <= most) this.#buckets[i] = (this.#buckets[i] ?? 0) + 1
    }
  }
}

const isOver = ({ endedAt, outcome }: Attempt): boolean => endedAt !== undefined && outcome !== 'lost'

const isSame = (one: Attempt, two: Attempt): boolean =>
  one.number === two.number && one.node === two.node && one.startedAt === two.startedAt

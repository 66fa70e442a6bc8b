import type { TaskId } from '../base/ids.ts'
import { Recent } from '../base/recent.ts'
import type { WallMs } from '../base/time.ts'
import type { Right } from './right.ts'
import { isSchedule } from './schedules/state.ts'
import type { TaskRecord, TaskSpec } from './task.ts'

/** Remembered at least, of those dropped last: some 10 MB. What is late comes within seconds, and seldom more than 1,000/s end. */
const REMEMBERED = 20_000

interface Life {
  /** A task of another key may have the same id: of that nothing is known here. */
  readonly key: string
  readonly acceptedAt: WallMs
  readonly revision: number
  /** Of the end, as its record says. */
  readonly writtenUnder: number
  /** Under which the key was this node's when it was dropped. */
  readonly term: number
}

/**
 * Ends that this node had as their owner and has dropped lately. A copy of before that comes late is over, however little is
 * known of what others had (`leftovers.ts`): for as long as the key stays this node's without a break nobody else can have
 * ordered the task to run again. Before that another owner may have, of whom this one had not heard yet when it dropped its end, or whom
 * an operator had forgotten: such a copy has a higher term than the end, and nothing is known of it here.
 */
export class DroppedEnds {
  readonly #right: Right
  readonly #lives = new Recent<TaskId, Life>(REMEMBERED)

  constructor(right: Right) {
    this.#right = right
  }

  /** It has settled and is dropped: in its turn, when all who may have an older copy have that, or by order, whoever has one. */
  note({ spec: { id, key }, acceptedAt, revision, term: writtenUnder = 0 }: TaskRecord): void {
    const term = this.#right.leaveFor(key)?.term
    if (term !== undefined) this.#lives.set(id, { key, acceptedAt, revision, writtenUnder, term })
  }

  /**
   * The last life of this id, if its end was written under the term of now. A holder may have that end still, and what begins anew is
   * to be the newer of the two, though the clock was set back since.
   */
  lastOf({ id, key }: Pick<TaskSpec, 'id' | 'key'>): Pick<Life, 'acceptedAt' | 'revision'> | undefined {
    const dropped = this.#lives.get(id)
    if (dropped?.key !== key) return undefined
    return dropped.writtenUnder === this.#right.leaveFor(key)?.term ? dropped : undefined
  }

  /** Is this a copy of a task whose end was dropped here, of that life or one before? */
  has(record: TaskRecord): boolean {
    const { epochs } = this.#right
    const dropped = this.#lives.get(record.spec.id)
    if (dropped === undefined || epochs === undefined || isSchedule(record)) return false
    const { key } = record.spec
    if (key !== dropped.key || record.acceptedAt > dropped.acceptedAt) return false
    if ((record.term ?? 0) > dropped.writtenUnder) return false
    return epochs.hasUnder(key, new Set([dropped.term]))
  }
}

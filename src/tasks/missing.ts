import type { NodeId } from '../base/ids.ts'
import type { Step } from './effects.ts'
import type { Limits } from './limits.ts'
import type { Schedule } from './schedule.ts'

/** Types looked at in one turn: a shared list may name as many as it likes. */
const LOOKS_MAX = 1_000

/**
 * Ready tasks of a type for which this node has no executor stay where they are: only the owner of their key may act for
 * it. Says so once when that begins, with who could run them, and once when none waits any more.
 */
export class Missing {
  readonly #schedule: Schedule
  readonly #limits: Limits
  readonly #serving: (type: string) => readonly NodeId[]
  readonly #told = new Set<string>()

  constructor(schedule: Schedule, limits: Limits, serving: (type: string) => readonly NodeId[]) {
    this.#schedule = schedule
    this.#limits = limits
    this.#serving = serving
  }

  /** Called with every tick. */
  tell(step: Step): void {
    let looks = 0
    for (const [type, { queued }] of this.#schedule.types) {
      if (++looks > LOOKS_MAX) break
      if (queued === 0 || this.#told.has(type) || this.#limits.ofType(type) > 0) continue
      this.#told.add(type)
      step.log('warn', 'executor-missing', { taskType: type, queued, servedBy: this.#serving(type) })
    }
    for (const type of this.#told) {
      if ((this.#schedule.types.get(type)?.queued ?? 0) > 0) continue
      this.#told.delete(type)
      step.log('info', 'executor-missing-over', { taskType: type })
    }
  }
}

import type { Failure } from '../base/errors.ts'
import { failureOfStore } from '../tasks/store-failure.ts'
import type { Effect, StoreCondition } from './machine.ts'

const EVENTS = {
  ok: ['info', 'store-recovered'],
  slow: ['warn', 'store-slow'],
  full: ['error', 'store-full'],
  'read-only': ['error', 'store-read-only'],
} as const

/** What this node's disk takes, as it was told last. A leave and what runs go on as far as it lets them. */
export class StoreSight {
  #condition: StoreCondition = 'ok'
  #detail = ''

  get condition(): StoreCondition {
    return this.#condition
  }

  get detail(): string {
    return this.#detail
  }

  /** Why it takes no new task; undefined while it does. */
  get failure(): Failure | undefined {
    return failureOfStore(this.#condition, this.#detail)
  }

  /** @returns what is to be said of it, when it is another condition than before */
  become(condition: StoreCondition, detail: string): Effect[] {
    if (condition === this.#condition) return []
    this.#condition = condition
    this.#detail = detail
    const [level, event] = EVENTS[condition]
    return [{ kind: 'log', level, event, fields: { detail } }]
  }
}

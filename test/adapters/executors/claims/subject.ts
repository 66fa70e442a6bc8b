/** A book of claims that a test calls by hand, on a clock of its own. */
import assert from 'node:assert/strict'
import {
  type BookEffect,
  type BookLimits,
  ClaimBook,
  type Held,
  nameOf,
} from '../../../../src/adapters/executors/claims/book.ts'
import { asTaskId } from '../../../../src/base/ids.ts'
import { type Instant, instantOf, NEVER, type Now, wallOf } from '../../../../src/base/time.ts'
import type { AttemptOrder } from '../../../../src/node/machine.ts'
import type { ClaimName } from '../../../../src/runtime/claims.ts'
import type { ProgressReport } from '../../../../src/tasks/progress.ts'
import { orderOf } from '../scene.ts'

export const LEASE_MS = 10_000

type Kind<K extends BookEffect['kind']> = Extract<BookEffect, { kind: K }>

export class Scene {
  readonly book: ClaimBook
  readonly effects: BookEffect[] = []
  now = 0
  #ids = 0

  constructor(limits: Partial<BookLimits> = {}) {
    const all = { leaseMs: LEASE_MS, waitersMax: 10, claimsMax: 20, ...limits }
    this.book = new ClaimBook(all, () => `claim-${++this.#ids}`)
  }

  get at(): Now {
    return { mono: instantOf(this.now), wall: wallOf(1_700_000_000_000 + this.now) }
  }

  wait(types: readonly string[] = ['x'], max = 1, waitMs = 30_000, client = 'worker'): number {
    const until = instantOf(this.now + waitMs)
    const { number, effects } = this.book.wait({ types, max, until, client }, this.at)
    this.effects.push(...effects)
    return number
  }

  order(task: string, some: Partial<AttemptOrder> = {}, until: Instant = NEVER): string {
    const order = orderOf('x', null, { task: asTaskId(task), timeoutMs: 60_000, ...some })
    this.book.ordered(order, until, this.at)
    this.do(this.book.flush(this.at))
    return nameOf(order)
  }

  do(effects: readonly BookEffect[]): void {
    this.effects.push(...effects)
  }

  /** Time goes by, with a look whenever the book wants one. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, Math.max(this.now, this.book.nextWake))
      this.do(this.book.tick(this.at))
    }
  }

  of<K extends BookEffect['kind']>(kind: K): Kind<K>[] {
    return this.effects.filter((effect): effect is Kind<K> => effect.kind === kind)
  }

  get handed(): readonly Held[] {
    return this.of('hand').flatMap(({ claims }) => claims)
  }

  /** Code of the outcome of each attempt that ended; `ok` for a success. */
  get ends(): readonly (readonly [string, string])[] {
    return this.of('end').map(({ attempt, outcome }) => [attempt, outcome.ok ? 'ok' : outcome.error.code])
  }

  finish(name: ClaimName, ending: Parameters<ClaimBook['finish']>[1]): string {
    const { verdict, effects } = this.book.finish(name, ending, this.at)
    this.do(effects)
    return verdict.kind === 'ended' ? `ended:${verdict.how}` : verdict.kind
  }

  renew(name: ClaimName, progress?: ProgressReport): string {
    const { verdict, effects } = this.book.renew(name, progress, this.at)
    this.do(effects)
    return verdict.kind === 'ended' ? `ended:${verdict.how}` : verdict.kind
  }
}

export const nameOfClaim = ({ id, order }: Held): ClaimName => ({
  claim: id,
  attempt: order.attempt,
  token: order.token.value,
})

/** A client that holds one task. */
export function held(
  scene: Scene,
  task = 'a',
  some: Partial<AttemptOrder> = {},
  until: Instant = NEVER,
): Held {
  const offer = scene.wait()
  scene.order(task, { offer, ...some }, until)
  const claim = scene.handed.at(-1)
  assert.ok(claim)
  return claim
}

export const done = { kind: 'complete', result: 1 } as const

/** One node of the adversary's world: a real `Grants` on a clock, a disk and a wire that the world may abuse. */
import type { NodeId } from '../../src/base/ids.ts'
import { asPeerId } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { type GrantsConfig, grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Grants } from '../../src/grants/grants.ts'
import type { StoredVoters } from '../../src/grants/messages.ts'
import type { Ring } from '../../src/ring/ring.ts'
import type { Timeline } from './timeline.ts'

export const TICK_MS = 50

export interface Leave {
  /** True time at which it ends. */
  readonly until: number
  readonly term: number
}

export interface Disk {
  top: number | undefined
  voters: StoredVoters | undefined
  promiseMs: number | undefined
}

export interface SubjectParts {
  readonly id: NodeId
  readonly rate: number
  readonly offset: number
  /** Of its wall clock, in ms. */
  readonly wallOffset: number
  readonly random: Random
  readonly timeline: Timeline
  readonly voters: readonly NodeId[]
  readonly trustRefused: boolean
  readonly buildRing: (members: Ring['members']) => Ring
  /** Keys that are asked for after every step. */
  readonly keys: readonly string[]
  /** Keys that are only asked for when they are about to be lost. */
  readonly fill: readonly string[]
  readonly send: (from: Subject, effect: Extract<GrantsEffect, { kind: 'send' }>) => void
  /** After every step. */
  readonly stepped: (subject: Subject) => void
}

export class Subject {
  readonly parts: SubjectParts
  readonly leaves = new Map<string, Leave>()
  /** Lost keys and the true time at which their work ends. */
  readonly draining = new Map<string, number>()
  disk: Disk = { top: 1, voters: undefined, promiseMs: undefined }
  ring: Ring
  leaving = false
  frozenUntil = 0
  boot = 0
  peer: string
  times: Pick<GrantsConfig, 'leaseMs' | 'promiseMs'> = { leaseMs: 2_000, promiseMs: 2_500 }
  grants: Grants | undefined
  #diskFreeAt = 0

  constructor(parts: SubjectParts, ring: Ring) {
    this.parts = parts
    this.ring = ring
    this.peer = `${parts.id}-0`
  }

  get id(): NodeId {
    return this.parts.id
  }

  get now(): Now {
    const { rate, offset, wallOffset, timeline } = this.parts
    return { mono: instantOf(offset + timeline.now * rate), wall: wallOf(1e12 + wallOffset + timeline.now) }
  }

  get isFrozen(): boolean {
    return this.frozenUntil > this.parts.timeline.now
  }

  start(live: readonly NodeId[]): void {
    const { voters, trustRefused, buildRing, random } = this.parts
    this.boot++
    const config = { ...grantsDefaults(), ...this.times, mode: 'quorum' as const, voters, trustRefused }
    const grants = new Grants(
      {
        self: this.id,
        peer: asPeerId(this.peer),
        session: this.boot,
        config,
        stored: structuredClone(this.disk),
        buildRing,
        random: random.fork(),
      },
      this.now,
    )
    this.grants = grants
    this.leaving = false
    this.#diskFreeAt = this.parts.timeline.now
    this.step((own, now) => own.viewChanged(this.ring, live, false, now))
    this.#tick(grants)
  }

  /** Its process is gone, and whatever it ran. */
  kill(): void {
    this.grants = undefined
    this.frozenUntil = 0
    this.leaves.clear()
    this.draining.clear()
  }

  /** @param drainMs how long work on a lost key goes on */
  see(ring: Ring, live: readonly NodeId[], leaving: boolean, drainMs: (key: string) => number): void {
    this.step((grants, now) => {
      for (const key of [...this.leaves.keys(), ...this.parts.fill])
        this.#drain(key, ring, grants, leaving, drainMs)
      this.ring = ring
      this.leaving = leaving
      grants.viewChanged(ring, live, leaving, now)
    })
  }

  #drain(key: string, ring: Ring, grants: Grants, leaving: boolean, drainMs: (key: string) => number): void {
    const lost = leaving || ring.owner(key) !== this.id
    if (!lost || this.draining.has(key) || grants.leaveFor(key) === undefined) return
    this.draining.set(key, this.parts.timeline.now + drainMs(key))
  }

  #tick(grants: Grants): void {
    if (this.grants !== grants) return
    this.step((own, now) => own.tick(now))
    this.parts.timeline.after(TICK_MS / this.parts.rate, () => this.#tick(grants))
  }

  /** One input; a frozen node takes it when it wakes, after those that came before. */
  step(input: (grants: Grants, now: Now) => void): void {
    const { grants, frozenUntil } = this
    if (grants === undefined) return
    if (this.isFrozen) {
      this.parts.timeline.at(frozenUntil, () => this.grants === grants && this.step(input))
      return
    }
    const { now } = this
    grants.awake(now)
    input(grants, now)
    this.#endDrains(grants)
    grants.keep([...this.draining.keys()])
    for (const effect of grants.effects()) this.#perform(grants, effect)
    this.#look(grants, now)
    this.parts.stepped(this)
  }

  #endDrains(grants: Grants): void {
    const { now } = this.parts.timeline
    for (const [key, end] of this.draining) {
      const owned = !this.leaving && this.ring.owner(key) === this.id
      if (end <= now || owned || grants.leaveFor(key) === undefined) this.draining.delete(key)
    }
  }

  #look(grants: Grants, { mono }: Now): void {
    for (const key of this.parts.keys) {
      const leave = grants.leaveFor(key)
      if (leave === undefined) this.leaves.delete(key)
      else {
        const until = this.parts.timeline.now + (leave.until - mono) / this.parts.rate
        this.leaves.set(key, { until, term: leave.term })
      }
    }
  }

  #perform(grants: Grants, effect: GrantsEffect): void {
    if (effect.kind === 'send') this.parts.send(this, effect)
    else if (effect.kind === 'persist') this.#persist(grants, effect)
    else if (effect.kind === 'persisted') this.step((own, now) => own.persisted(effect.mark, now))
  }

  /** Writes reach the disk in the order they are asked for; a crash loses those that have not. */
  #persist(grants: Grants, { writes, then }: Extract<GrantsEffect, { kind: 'persist' }>): void {
    const { timeline, random } = this.parts
    this.#diskFreeAt =
      Math.max(this.#diskFreeAt, timeline.now) + random.between(0, random.chance(0.05) ? 200 : 15)
    timeline.at(this.#diskFreeAt, () => {
      if (this.grants !== grants) return
      for (const { key, value } of writes) Object.assign(this.disk, { [key]: structuredClone(value) })
      for (const effect of then) this.step(() => this.#perform(grants, effect))
    })
  }
}

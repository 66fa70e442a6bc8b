/**
 * A seeded adversary of the right to act: views are arbitrarily wrong, clocks run apart, messages are lost, late,
 * reordered and doubled, nodes freeze, restart and lose disks. There is no membership here and no driver.
 */
import assert from 'node:assert/strict'
import { asNodeId, asPeerId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Grants } from '../../src/grants/grants.ts'
import type { GrantsLinkMessage, StoredVoters } from '../../src/grants/messages.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`)
const TICK_MS = 50
export const FAULTS_MS = 20_000
const CALM_MS = 9_000
const RING = { ...ringDefaults(), vnodesPerWeight: 4 }

interface Leave {
  /** True time at which it ends. */
  readonly until: number
  readonly term: number
}

interface Subject {
  readonly id: NodeId
  readonly rate: number
  readonly offset: number
  readonly disk: { top: number | undefined; voters: StoredVoters | undefined; promiseMs: number | undefined }
  peer: string
  boot: number
  frozenUntil: number
  /** Runs with its boot number; what was meant for an earlier one is gone. */
  grants: Grants
  ring: Ring
  leaves: Map<string, Leave>
  /** Lost keys and the true time at which their work ends. */
  draining: Map<string, number>
}

export class Adversary {
  readonly #random: Random
  readonly #subjects: Subject[] = []
  readonly #events: { readonly at: number; readonly order: number; readonly run: () => void }[] = []
  readonly #last = new Map<string, { readonly by: string; readonly term: number }>()
  #order = 0
  #time = 0
  #loss = 0
  #calm = false
  /** Times that some node came to act for a key. */
  gained = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
    const count = 3 + this.#random.below(7)
    const ids = Array.from({ length: count }, (_, i) => asNodeId(`n${i}`))
    for (const id of ids) {
      const clock = { rate: this.#random.between(0.9, 1.1), offset: this.#random.between(0, 1e6) }
      const disk = { top: 1, voters: undefined, promiseMs: 2_500 }
      const subject = { id, ...clock, disk, peer: `${id}-1`, boot: 1, frozenUntil: 0, leaves: new Map() }
      const ring = this.#ringOf(ids)
      this.#subjects.push(this.#born({ ...subject, draining: new Map(), ring } as unknown as Subject, ids))
    }
  }

  run(): void {
    for (const subject of this.#subjects) this.#tick(subject)
    this.#at(100, () => this.#fault())
    this.#until(FAULTS_MS)
    this.#calm = true
    this.#loss = 0
    const all = this.#ringOf(this.#subjects.map(({ id }) => id))
    for (const subject of this.#subjects) this.#see(subject, all)
    this.#until(FAULTS_MS + CALM_MS)
    for (const key of KEYS) {
      const owner = this.#actors(key).map(({ id }) => id)
      assert.deepEqual(owner, [all.owner(key)], `${key} has its actor once faults are over`)
    }
  }

  #until(end: number): void {
    for (;;) {
      const next = this.#events[0]
      if (!next || next.at > end) break
      this.#pop()
      this.#time = next.at
      next.run()
      this.#check()
    }
    this.#time = end
  }

  #check(): void {
    for (const key of KEYS) {
      const actors = this.#actors(key)
      assert.ok(actors.length <= 1, `${key} has two actors at ${this.#time}: ${actors.map(({ id }) => id)}`)
    }
  }

  #actors(key: string): Subject[] {
    return this.#subjects.filter(({ leaves }) => (leaves.get(key)?.until ?? 0) > this.#time)
  }

  #fault(): void {
    if (this.#calm) return
    this.#at(this.#random.between(20, 600), () => this.#fault())
    const subject = this.#random.pick(this.#subjects)
    assert.ok(subject)
    const dice = this.#random.below(12)
    if (dice < 5) this.#see(subject, this.#someRing(subject))
    else if (dice < 7) this.#seeAll()
    else if (dice < 8) this.#freeze(subject)
    else if (dice < 9) this.#restart(subject, this.#random.chance(0.2))
    else this.#loss = this.#random.chance(0.5) ? 0 : this.#random.between(0, 0.5)
  }

  /** Not again while it is frozen: what waits must keep its order. */
  #freeze(subject: Subject): void {
    if (subject.frozenUntil > this.#time) return
    subject.frozenUntil = this.#time + this.#random.between(100, 5_000)
  }

  #seeAll(): void {
    const ring = this.#someRing(undefined)
    for (const subject of this.#subjects) if (this.#random.chance(0.8)) this.#see(subject, ring)
  }

  #someRing(self: Subject | undefined): Ring {
    const ids = this.#subjects.map(({ id }) => id).filter(id => id === self?.id || this.#random.chance(0.8))
    return this.#ringOf(ids, this.#random.chance(0.2) ? 2 : 1)
  }

  #ringOf(ids: readonly NodeId[], weight = 1): Ring {
    return buildRing(
      ids.map((id, i) => ({ id, weight: i === 0 ? weight : 1 })),
      RING,
    )
  }

  #see(subject: Subject, ring: Ring): void {
    this.#step(subject, (grants, now) => {
      subject.ring = ring
      const { grants: own } = subject
      for (const key of KEYS) {
        const lost = ring.owner(key) !== subject.id && own.leaveFor(key) && !subject.draining.has(key)
        if (lost) subject.draining.set(key, this.#time + this.#random.between(0, 1_500))
      }
      const live = this.#subjects.map(({ id }) => id)
      grants.viewChanged(ring, live, false, now)
    })
  }

  #restart(subject: Subject, lost: boolean): void {
    subject.leaves.clear()
    subject.draining.clear()
    subject.frozenUntil = 0
    subject.boot = lost ? 1 : subject.boot + 1
    if (lost) {
      subject.peer = `${subject.id}-${this.#order}`
      subject.disk.top = undefined
      subject.disk.promiseMs = undefined
    }
    this.#born(
      subject,
      this.#subjects.map(({ id }) => id),
    )
    this.#see(subject, subject.ring)
  }

  #born(subject: Subject, voters: readonly NodeId[]): Subject {
    const config = { ...grantsDefaults(), mode: 'quorum' as const, voters }
    const now = this.#now(subject)
    subject.grants = new Grants(
      {
        self: subject.id,
        peer: asPeerId(subject.peer),
        session: subject.boot,
        config,
        stored: { ...subject.disk },
        buildRing: members => buildRing(members, RING),
        random: this.#random.fork(),
      },
      now,
    )
    subject.grants.viewChanged(subject.ring, voters, false, now)
    return subject
  }

  #now({ rate, offset }: Subject): Now {
    return { mono: instantOf(offset + this.#time * rate), wall: wallOf(1e12 + this.#time) }
  }

  #tick(subject: Subject): void {
    this.#step(subject, (grants, now) => grants.tick(now))
    this.#at(TICK_MS / subject.rate, () => this.#tick(subject))
  }

  /** One input; a frozen node takes it when it wakes, after those that came before. */
  #step(subject: Subject, input: (grants: Grants, now: Now) => void): void {
    const { grants, frozenUntil } = subject
    if (frozenUntil > this.#time) {
      this.#atTime(frozenUntil, () => subject.grants === grants && this.#step(subject, input))
      return
    }
    const now = this.#now(subject)
    grants.awake(now)
    input(grants, now)
    for (const [key, end] of subject.draining) {
      const over = end <= this.#time || subject.ring.owner(key) === subject.id || !grants.leaveFor(key)
      if (over) subject.draining.delete(key)
    }
    grants.keep([...subject.draining.keys()])
    for (const effect of grants.effects()) this.#perform(subject, effect)
    this.#note(subject, now)
  }

  #note(subject: Subject, now: Now): void {
    for (const key of KEYS) {
      const leave = subject.grants.leaveFor(key)
      if (!leave) {
        subject.leaves.delete(key)
        continue
      }
      const until = this.#time + (leave.until - now.mono) / subject.rate
      subject.leaves.set(key, { until, term: leave.term })
      const by = `${subject.id} ${subject.peer} ${subject.boot}`
      const last = this.#last.get(key)
      if (last?.by === by) continue
      assert.ok(
        !last || leave.term > last.term,
        `${key}: ${by} has term ${leave.term} after ${last?.by} ${last?.term}`,
      )
      this.#last.set(key, { by, term: leave.term })
      this.gained++
    }
    for (const [key, leave] of subject.leaves) {
      const last = this.#last.get(key)
      if (last && leave.term > last.term) this.#last.set(key, { ...last, term: leave.term })
    }
  }

  #perform(subject: Subject, effect: GrantsEffect): void {
    const { grants } = subject
    if (effect.kind === 'send') this.#send(subject, effect.to, effect.message)
    else if (effect.kind === 'persist') {
      this.#at(this.#random.between(0, 20), () => {
        if (subject.grants !== grants) return
        for (const { key, value } of effect.writes) Object.assign(subject.disk, { [key]: value })
        for (const then of effect.then) this.#perform(subject, then)
      })
    } else if (effect.kind === 'persisted') this.#step(subject, (own, now) => own.persisted(effect.mark, now))
  }

  #send(from: Subject, to: NodeId, message: GrantsLinkMessage): void {
    const target = this.#subjects.find(({ id }) => id === to)
    assert.ok(target && target !== from, 'a node never sends to itself')
    const peer = asPeerId(from.peer)
    for (let copies = this.#random.chance(0.05) && !this.#calm ? 2 : 1; copies > 0; copies--) {
      if (this.#random.chance(this.#loss)) continue
      const late = !this.#calm && this.#random.chance(0.1) ? this.#random.between(0, 3_000) : 0
      this.#at(this.#random.between(1, 30) + late, () => {
        this.#step(target, (grants, now) => grants.message(from.id, peer, message, now))
      })
    }
  }

  #at(inMs: number, run: () => void): void {
    this.#atTime(this.#time + inMs, run)
  }

  #atTime(at: number, run: () => void): void {
    const event = { at, order: this.#order++, run }
    const heap = this.#events
    let i = heap.push(event) - 1
    while (i > 0) {
      const up = (i - 1) >> 1
      const parent = heap[up]
      if (!parent || !before(event, parent)) break
      heap[i] = parent
      i = up
    }
    heap[i] = event
  }

  #pop(): void {
    const heap = this.#events
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let i = 0
    for (;;) {
      const left = heap[2 * i + 1]
      if (!left) break
      const right = heap[2 * i + 2]
      const [child, at] = right && before(right, left) ? [right, 2 * i + 2] : [left, 2 * i + 1]
      if (!before(child, last)) break
      heap[i] = child
      i = at
    }
    heap[i] = last
  }
}

type Timed = { readonly at: number; readonly order: number }
const before = (a: Timed, b: Timed): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

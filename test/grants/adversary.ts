/**
 * A seeded adversary of the right to act: views are arbitrarily wrong, clocks run apart, messages are lost, late,
 * reordered and doubled, links break one way, nodes freeze, leave, crash, restart and lose their disks, promises and
 * leases change their length, and the voter list changes meanwhile. There is no membership here and no driver.
 *
 * Held at every step: no two nodes may act for one key at one moment of true time; the term of a key rises with every
 * change of its owner and never falls. And when faults have ended, each key has its owner again, under one voter list.
 */
import assert from 'node:assert/strict'
import { asNodeId, asPeerId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { isMajority, namesOf } from '../../src/grants/voter-list.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring, RingMember } from '../../src/ring/ring.ts'
import { Subject } from './subject.ts'
import { Timeline } from './timeline.ts'

type Sending = Extract<GrantsEffect, { kind: 'send' }>

const KEYS = Array.from({ length: 12 }, (_, i) => `key-${i}`)
/** More than can be kept, when all of them drain. */
const MANY = Array.from({ length: 900 }, (_, i) => `many-${i}`)
/** Members that only make a ring large: its times are stretched. They own few keys. */
const CROWD = Array.from({ length: 330 }, (_, i) => ({ id: asNodeId(`x${i}`), weight: 0.25 }))
export const FAULTS_MS = 20_000
const CALM_MS = 25_000
const RING = { ...ringDefaults(), vnodesPerWeight: 4 }
const SKEW_MS = 3_600_000
/** Makes the second generator another one than the first. */
const MORE = 0x5eed_0000
const SHORT = { leaseMs: 2_000, promiseMs: 2_500 }
const LONG = { leaseMs: 4_000, promiseMs: 5_000 }

export class Adversary {
  readonly #random: Random
  /** For what came to this world later: the draws of before are what the mutants' seeds rest on. */
  readonly #more: Random
  readonly #timeline = new Timeline()
  readonly #subjects: Subject[] = []
  readonly #rings = new Map<string, Ring>()
  readonly #last = new Map<string, { readonly by: string; readonly term: number }>()
  /** "a>b" while nothing gets from a to b. */
  readonly #deaf = new Set<string>()
  /** Of 20 worlds one has so many keys, and six have large rings. */
  readonly #many: boolean
  readonly #crowded: boolean
  /** Does a promise end early when its process was seen to be gone, or comes again? */
  readonly #trusting: boolean
  /** How far wall clocks are apart: where they agree, terms rise by themselves. */
  readonly #skewMs: number
  /** Between two faults, at most: some worlds are fierce, in others a node gets to act between them. */
  readonly #paceMs: number
  #loss = 0
  #lateMs = 3_000
  #calm = false
  /** Who lost its disk last: no other does before it knows its top again. */
  #forgetful: Subject | undefined
  /** Times that some node came to act for a key, and what else came about: a model that is never busy proves nothing. */
  readonly counts = {
    gained: 0,
    kept: 0,
    overflows: 0,
    refusals: 0,
    wipes: 0,
    keysKept: 0,
    lists: 0,
    rings: 0,
  }

  constructor(seed: number) {
    this.#random = new Random(seed)
    this.#more = new Random(seed + MORE)
    this.#trusting = this.#more.chance(0.7)
    this.#skewMs = this.#more.chance(0.4) ? SKEW_MS : 0
    this.#paceMs = this.#random.pick([400, 900, 2_000]) ?? 0
    this.#many = this.#random.chance(0.05)
    this.#crowded = this.#random.chance(0.3)
    const count = this.#many ? 3 : 3 + this.#random.below(this.#random.pick([1, 3, 6]) ?? 1)
    const ids = Array.from({ length: count }, (_, i) => asNodeId(`n${i}`))
    const voters = ids.slice(0, Math.max(1, count - this.#random.below(3)))
    const ring = this.#ringOf(ids)
    for (const id of ids) this.#subjects.push(this.#subject(id, voters, ring))
  }

  #subject(id: NodeId, voters: readonly NodeId[], ring: Ring): Subject {
    const parts = {
      id,
      rate: this.#random.pick([0.9, 1.1, this.#random.between(0.9, 1.1)]) ?? 1,
      offset: this.#random.between(0, 1e6),
      random: this.#random,
      timeline: this.#timeline,
      voters,
      trustRefused: this.#trusting,
      wallOffset: this.#more.between(0, this.#skewMs),
      keys: KEYS,
      fill: this.#many ? MANY : [],
      buildRing: (members: readonly RingMember[]) => this.#built(members),
      send: (from: Subject, effect: Sending) => this.#send(from, effect),
      stepped: (subject: Subject) => this.#judge(subject),
    }
    return new Subject(parts, ring)
  }

  /** Its faults and the peace that follows. */
  run(): void {
    this.storm()
    this.#rest()
    this.#timeline.runUntil(FAULTS_MS + CALM_MS)
    this.#checkEnd()
    this.counts.rings = this.#rings.size
  }

  storm(): void {
    for (const subject of this.#subjects) subject.start(this.#ids)
    this.#timeline.after(100, () => this.#fault())
    this.#timeline.runUntil(FAULTS_MS)
  }

  // ---- what must hold

  #judge(subject: Subject): void {
    const by = `${subject.id} ${subject.peer} ${subject.boot} ${subject.grants?.disk}`
    const { now } = this.#timeline
    for (const [key, { term }] of subject.leaves) {
      const rival = this.#subjects.find(
        other => other !== subject && (other.leaves.get(key)?.until ?? 0) > now,
      )
      assert.ok(rival === undefined, `${key} has two actors at ${now}: ${subject.id}, ${rival?.id}`)
      const last = this.#last.get(key)
      if (last?.by === by && last.term === term) continue
      const rises = last === undefined || (last.by === by ? term >= last.term : term > last.term)
      assert.ok(rises, `${key}: ${by} has term ${term} after ${last?.by} ${last?.term}`)
      this.#last.set(key, { by, term })
      if (last?.by !== by) this.counts.gained++
    }
  }

  #checkEnd(): void {
    const lists = this.#subjects.map(({ grants }) => grants?.voters.list)
    const [first] = lists
    for (const list of lists)
      assert.deepEqual(list?.names, first?.names, 'all have one voter list in the end')
    assert.equal(first?.previous, undefined, 'no change goes on for ever')
    this.counts.lists = ((first?.version ?? 1) - 1) / 2
    const all = this.#ringOf(this.#ids)
    for (const key of KEYS) {
      const actors = this.#subjects.filter(({ leaves }) => (leaves.get(key)?.until ?? 0) > this.#timeline.now)
      const owners = actors.map(({ id }) => id)
      assert.deepEqual(owners, [all.owner(key)], `${key} has its actor once faults are over`)
    }
    for (const { grants } of this.#subjects) this.counts.overflows += grants?.counters()['overflows'] ?? 0
  }

  // ---- faults

  #fault(): void {
    if (this.#calm) return
    this.#timeline.after(this.#random.between(20, this.#paceMs), () => this.#fault())
    const subject = this.#random.pick(this.#subjects)
    assert.ok(subject)
    const dice = this.#random.next()
    if (this.#random.chance(0.15)) this.#bury(subject)
    else if (dice < 0.35) this.#see(subject, this.#someRing(subject))
    else if (dice < 0.5) this.#seeAll()
    else if (dice < 0.58) this.#freeze(subject)
    else if (dice < 0.66) this.#crash(subject)
    else if (dice < 0.7) this.#see(subject, subject.ring, true)
    else if (dice < 0.76) this.#unlink(subject)
    else if (dice < 0.84) this.#cut(subject)
    else if (dice < 0.94) this.#changeVoters(subject)
    else this.#weather()
  }

  #weather(): void {
    this.#loss = this.#random.chance(0.5) ? 0 : this.#random.between(0, 0.5)
    this.#lateMs = this.#random.pick([300, 3_000, 6_000]) ?? 0
  }

  /** Not again while it is frozen: what waits must keep its order. */
  #freeze(subject: Subject): void {
    if (!subject.isFrozen) subject.frozenUntil = this.#timeline.now + this.#random.between(100, 5_000)
  }

  #see(subject: Subject, ring: Ring, leaving = false): void {
    if (this.#calm) return
    const live = this.#ids.filter(id => id === subject.id || this.#random.chance(0.9))
    const spread = this.#random.pick([0, 1_500, 4_000]) ?? 0
    subject.see(ring, live, leaving, () => this.#random.between(0, spread))
    this.counts.kept += subject.draining.size > 0 ? 1 : 0
  }

  /** What mostly happens: a node falls silent, the others go on without it, and it comes back. */
  #bury(subject: Subject): void {
    const silentMs = this.#random.between(1_000, 6_000)
    if (this.#random.chance(0.5)) this.#freeze(subject)
    else for (const other of this.#ids) this.#mute(subject, other, silentMs)
    const others = this.#ids.filter(id => id !== subject.id)
    const spreadMs = this.#random.pick([30, 300, 2_000]) ?? 0
    const [without, together] = [this.#ringOf(others), this.#ringOf(this.#ids)]
    for (const other of this.#subjects) {
      if (other !== subject)
        this.#timeline.after(this.#random.between(0, spreadMs), () => this.#see(other, without))
      this.#timeline.after(silentMs + this.#random.between(0, spreadMs), () => this.#see(other, together))
    }
  }

  #seeAll(): void {
    const ring = this.#someRing(undefined)
    for (const subject of this.#subjects) if (this.#random.chance(0.8)) this.#see(subject, ring)
  }

  /** The node's links to these break: it gives up by itself when they were a quorum's. */
  #unlink(subject: Subject): void {
    const gone = new Set(this.#ids.filter(id => id !== subject.id && this.#random.chance(0.6)))
    subject.step((grants, now) => grants.unreachable(gone, now))
  }

  #cut(subject: Subject): void {
    for (const other of this.#ids) {
      for (const way of [`${subject.id}>${other}`, `${other}>${subject.id}`]) {
        if (!this.#random.chance(0.4)) continue
        this.#deaf.add(way)
        this.#timeline.after(this.#random.between(200, 6_000), () => this.#deaf.delete(way))
      }
    }
  }

  #mute(subject: Subject, other: NodeId, ms: number): void {
    for (const way of [`${subject.id}>${other}`, `${other}>${subject.id}`]) {
      this.#deaf.add(way)
      this.#timeline.after(ms, () => this.#deaf.delete(way))
    }
  }

  #crash(subject: Subject): void {
    if (subject.grants === undefined) return
    subject.kill()
    for (const other of this.#subjects) if (this.#random.chance(0.5)) this.#refuse(other, subject)
    if (this.#random.chance(0.3)) this.#wipe(subject)
    const times = this.#random.chance(0.3) ? LONG : SHORT
    const downMs = this.#random.pick([5, 300, 4_000]) ?? 0
    this.#timeline.after(this.#random.between(0, downMs), () => this.#restart(subject, times))
  }

  #restart(subject: Subject, times: typeof SHORT): void {
    if (subject.grants !== undefined) return
    subject.times = times
    subject.start(this.#ids)
  }

  /** It is seen by another that nobody listens where the process was: true as long as it is down. */
  #refuse(other: Subject, gone: Subject): void {
    const peer = asPeerId(gone.peer)
    this.#timeline.after(this.#random.between(0, 300), () => {
      if (gone.grants !== undefined || other.grants === undefined) return
      other.step(grants => grants.refused(gone.id, peer))
      this.counts.refusals++
    })
  }

  /**
   * The disk is gone, and mostly the key with it; else the next life has the same key and counts its boots from 1 again. One at a time, and not that of one who is a quorum by itself: nothing can be
   * promised when what a quorum knew is lost.
   */
  #wipe(subject: Subject): void {
    if (this.#forgetful !== undefined && this.#forgetful.disk.top === undefined) return
    if (subject.disk.top === undefined) return
    const alone = this.#subjects.some(({ disk }) => {
      const lists = disk.voters === undefined ? [] : [disk.voters.names, disk.voters.previous ?? []]
      return lists.some(names => isMajority(names, new Set([subject.id]), true))
    })
    if (alone) return
    this.#forgetful = subject
    subject.disk = { top: undefined, voters: undefined, promiseMs: undefined }
    if (this.#more.chance(0.3)) this.counts.keysKept++
    else subject.peer = `${subject.id}-${this.#timeline.now}`
    subject.boot = 0
    this.counts.wipes++
  }

  #changeVoters(subject: Subject): void {
    const list = subject.grants?.voters.list
    const other = this.#random.pick(this.#ids)
    if (list === undefined || other === undefined) return
    const kind = namesOf(list).includes(other) ? 'remove' : 'add'
    subject.step((grants, now) => void grants.changeVoters(kind, other, now))
  }

  #rest(): void {
    this.#calm = true
    this.#loss = 0
    this.#deaf.clear()
    const all = this.#ringOf(this.#ids)
    for (const subject of this.#subjects) {
      this.#restart(subject, SHORT)
      subject.see(all, this.#ids, false, () => 500)
    }
  }

  // ---- rings and wires

  get #ids(): readonly NodeId[] {
    return this.#subjects.map(({ id }) => id)
  }

  #someRing(self: Subject | undefined): Ring {
    const ids = this.#ids.filter(id => id === self?.id || this.#random.chance(0.75))
    const crowd = this.#crowded && this.#random.chance(0.4) ? 200 + 10 * this.#random.below(14) : 0
    return this.#ringOf(ids, this.#random.pick([1, 1, 1, 2]), crowd)
  }

  #ringOf(ids: readonly NodeId[], weight = 1, crowd = 0): Ring {
    const members = ids.map((id, i) => ({ id, weight: (i === 0 ? weight : 1) * (crowd > 0 ? 50 : 1) }))
    return this.#built([...members, ...CROWD.slice(0, crowd)])
  }

  #built(members: readonly RingMember[]): Ring {
    const name = members.map(({ id, weight }) => `${id} ${weight}`).join()
    const ring = this.#rings.get(name) ?? buildRing(members, RING)
    this.#rings.set(name, ring)
    return ring
  }

  /** What is for one process by its key does not reach another that bears its name. */
  #send(from: Subject, { to, peer: bearer, message }: Sending): void {
    const target = this.#subjects.find(({ id }) => id === to)
    assert.ok(target && target !== from, 'a node never sends to itself, nor to nobody')
    if (this.#deaf.has(`${from.id}>${to}`)) return
    const peer = asPeerId(from.peer)
    const copies = !this.#calm && this.#random.chance(0.05) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.chance(this.#loss)) continue
      const late = !this.#calm && this.#random.chance(0.1) ? this.#random.between(0, this.#lateMs) : 0
      this.#timeline.after(this.#random.between(1, 30) + late, () => {
        if (bearer !== undefined && bearer !== target.peer) return
        target.step((grants, now) => grants.message(from.id, peer, message, now))
      })
    }
  }
}

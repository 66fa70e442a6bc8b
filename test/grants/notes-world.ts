/**
 * A world of voters' notes: real notes and real ledgers, views that may be wrong in any way, links that come and go, answers that
 * are lost, and disks that are. Of the rest the barest model: a copy counts where writer and holder go by one ring and may count
 * themselves, and now and then all members of a ring have done their part under it. Whoever takes over must then be held to every
 * copy that counted before: the ring under which it was written is asked about, and another disk than that one is no answer.
 */
import assert from 'node:assert/strict'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Ledger } from '../../src/grants/ledger.ts'
import type { Renew } from '../../src/grants/messages.ts'
import { Notes } from '../../src/grants/notes.ts'
import type { Voters } from '../../src/grants/voters.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { knownBefore, made, ringOf } from './noted.ts'

const NODES = ['a', 'b', 'c', 'd', 'e'].map(asNodeId)
const VOTERS = NODES.slice(0, 3)
const [, second, , fourth, fifth] = NODES
/** The views that there are: all, and some without this one or that one. */
const RINGS = [
  ringOf(...NODES),
  ...[second, fourth, fifth].map(gone => ringOf(...NODES.filter(node => node !== gone))),
]
const NAME = { version: 1, hash: 'h' }

const voters: Voters = {
  list: undefined,
  name: NAME,
  names: VOTERS,
  includes: node => VOTERS.includes(node),
  isQuorum: nodes => 2 * VOTERS.filter(voter => nodes.has(voter)).length > VOTERS.length,
}

interface Machine {
  readonly id: NodeId
  ring: Ring
  disks: number
  ledger: Ledger
  /** Of a voter. */
  notes: Notes | undefined
  /** What it takes over is asked about under this term; 0: nothing. */
  term: number
}

/** Something that counted, on this disk of this node, before this term was chosen. */
interface Copy {
  readonly ring: Ring
  readonly node: NodeId
  readonly disk: string
  readonly before: number
}

/** When does a holder count itself? `enrolled` alone is what was first thought to be enough. */
export type CountsBy = 'enrolled' | 'noted'

export class NotesWorld {
  readonly counts = { copies: 0, disksLost: 0, finished: 0, settled: 0, replaced: 0 }
  readonly #random: Random
  readonly #countsBy: CountsBy
  readonly #machines: readonly Machine[]
  readonly #out: GrantsEffect[] = []
  readonly #cut = new Set<string>()
  readonly #story: string[] = []
  #copies: Copy[] = []
  #marks = 0
  #terms = 1

  constructor(seed: number, countsBy: CountsBy = 'noted') {
    this.#random = new Random(seed)
    this.#countsBy = countsBy
    const [all] = RINGS as [Ring]
    this.#machines = NODES.map(id => this.#inserted({ id, ring: all, disks: 0, term: 0 }))
    this.#finish(all)
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) this.#step()
  }

  #step(): void {
    const random = this.#random
    const [one, other, voter] = [this.#machines, this.#machines, this.#voters].map(each => random.pick(each))
    const ring = random.pick(RINGS)
    assert.ok(one && other && voter && ring)
    const dice = random.below(100)
    if (dice < 35) this.#ask(one, voter)
    else if (dice < 50) this.#write(one, other)
    else if (dice < 58) this.#turn(random.chance(0.5) ? [one] : this.#machines, ring)
    else if (dice < 63) this.#link(one.id, voter.id)
    else if (dice < 66) {
      if (one.notes === undefined || random.chance(0.1)) this.#lose(one)
    } else if (dice < 72) this.#finish(one.ring)
    else if (dice < 80) this.#takeOver(one)
    else if (dice < 90) for (const each of this.#voters) this.#ask(one, each)
    else for (const each of this.#machines) this.#ask(each, voter)
  }

  get #voters(): readonly Machine[] {
    return this.#machines.filter(({ notes }) => notes !== undefined)
  }

  /** With a disk that is new. */
  #inserted(before: Pick<Machine, 'id' | 'ring' | 'disks' | 'term'>): Machine {
    const { id, ring } = before
    const disks = before.disks + 1
    const rings = made()
    for (const each of RINGS) rings.add(each)
    const ledger = new Ledger({ self: id, disk: `${id}${disks}`, rings, voters })
    const now = { mono: instantOf(0), wall: wallOf(1_000 * disks) }
    const nextMark = (): number => ++this.#marks
    const parts = { self: id, stored: undefined, rings, voters, nextMark, out: this.#out }
    const notes = VOTERS.includes(id) ? new Notes(parts, now) : undefined
    notes?.viewChanged(ring)
    return { ...before, disks, ledger, notes }
  }

  #diskOf({ id, disks }: Machine): string {
    return `${id}${disks}`
  }

  #note(line: string): void {
    this.#story.push(line)
  }

  #isLinked(one: NodeId, other: NodeId): boolean {
    return one === other || !this.#cut.has([one, other].sort().join())
  }

  #link(one: NodeId, other: NodeId): void {
    const pair = [one, other].sort().join()
    if (!this.#cut.delete(pair)) this.#cut.add(pair)
  }

  #turn(machines: readonly Machine[], ring: Ring): void {
    for (const machine of machines) {
      machine.ring = ring
      machine.ledger.setDone(undefined)
      machine.notes?.viewChanged(ring)
    }
    this.#note(`${machines.map(({ id }) => id)} turn to ${namesOf(ring)}`)
  }

  /** A request that is granted, unless no way leads there or the views differ. The answer may be lost. */
  #ask(member: Machine, voter: Machine): void {
    const scope = { ring: member.ring.checksum, leaving: false, keeps: [] }
    const said = member.ledger.say(voter.id, scope.ring)
    if (!this.#isLinked(member.id, voter.id) || member.ring !== voter.ring || voter.notes === undefined)
      return
    const numbers = { session: 1, seq: 1, term: member.term }
    const renew: Renew = { type: 'renew', ...numbers, scope, voters: NAME, ...said }
    voter.notes.heard(member.id, renew)
    for (const effect of this.#out.splice(0))
      if (effect.kind === 'persist')
        for (const next of effect.then) if (next.kind === 'persisted') voter.notes.persisted(next.mark)
    this.#note(`${voter.id} grants ${this.#diskOf(member)} under ${namesOf(member.ring)}`)
    if (this.#random.chance(0.1)) return
    member.ledger.heard(voter.id, voter.notes.told(renew).notes, scope.ring, member.term)
    this.#check(member)
  }

  #counts({ ledger, ring }: Machine, by: CountsBy): boolean {
    return ledger.enrolled && (by === 'enrolled' || ledger.noted(ring.checksum))
  }

  #write(owner: Machine, holder: Machine): void {
    const { ring } = owner
    if (holder.ring !== ring || !ring.has(owner.id) || !ring.has(holder.id)) return
    if (!this.#counts(owner, 'noted') || !this.#counts(holder, this.#countsBy)) return
    for (const machine of new Set([owner, holder])) this.#keep(machine)
  }

  #keep(machine: Machine): void {
    const { id, ring } = machine
    this.#copies.push({ ring, node: id, disk: this.#diskOf(machine), before: this.#terms })
    this.counts.copies++
    this.#note(`counts on ${this.#diskOf(machine)} under ${namesOf(ring)}`)
  }

  #lose(machine: Machine): void {
    this.counts.disksLost++
    this.#note(`${this.#diskOf(machine)} is lost`)
    Object.assign(machine, this.#inserted({ ...machine, term: 0 }))
  }

  /**
   * If all members of the ring can, they have done their part under it: all that counted before lies with them. Whoever is no member
   * has lost its right by then.
   */
  #finish(ring: Ring): void {
    const members = this.#machines.filter(({ id }) => ring.has(id))
    if (!members.every(member => member.ring === ring)) return
    const askAll = (): void => {
      for (const member of members) for (const voter of this.#voters) this.#ask(member, voter)
    }
    askAll()
    askAll()
    if (!members.every(member => this.#counts(member, 'noted'))) return
    this.counts.finished++
    this.#note(`all is done under ${namesOf(ring)}`)
    this.#copies = []
    for (const member of members) this.#keep(member)
    for (const machine of this.#machines) {
      if (members.includes(machine)) machine.ledger.setDone(ring.checksum)
      else machine.ledger.lapsed()
    }
    const before = this.#settled
    askAll()
    this.counts.settled += this.#settled - before
  }

  get #settled(): number {
    return this.#voters.reduce((sum, { notes }) => sum + (notes?.counts.notesSettled ?? 0), 0)
  }

  #takeOver(machine: Machine): void {
    machine.term = ++this.#terms
    this.#note(`${machine.id} takes over under ${namesOf(machine.ring)}`)
    for (const voter of this.#voters) this.#ask(machine, voter)
  }

  /** Whoever takes over asks the holder of each copy, and takes another disk for no answer. */
  #check({ id, ledger, term }: Machine): void {
    if (term === 0) return
    const rings = knownBefore(ledger, term)
    // Where no quorum of them remembers, all members are asked, and more lost disks than copies bear are lost work.
    if (typeof rings === 'string') return
    for (const copy of this.#copies) {
      const { ring, node, disk, before } = copy
      const holder = this.#machines.find(each => each.id === node)
      if (before >= term || holder === undefined) continue
      const now = this.#diskOf(holder)
      const passes = rings.every(
        each => each.ring.checksum !== ring.checksum || (disk !== now && each.counts(node, now)),
      )
      if (passes) this.#fail(`${id} does not wait for ${disk}, which counted under ${namesOf(ring)}`)
      if (disk !== now) this.counts.replaced++
    }
  }

  #fail(what: string): never {
    assert.fail(`${what}\n${this.#story.slice(-60).join('\n')}`)
  }
}

const namesOf = (ring: Ring): string => ring.members.map(({ id }) => id).join('')

/**
 * A world of voters on virtual time: real books and tops on modelled disks, clocks and wires, and the barest model of
 * acting: every node asks every voter for leave and for a term, all the time, and a voter grants by the rules that
 * concern lists (same list, not silent, term above its top). Rings and exceptions are left out on purpose: of two nodes
 * that hold a quorum at one moment one voter must know both, whatever they want to act on.
 */
import assert from 'node:assert/strict'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { type GrantsConfig, grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import type { GrantsLinkMessage, StoredVoters, VotersName } from '../../src/grants/messages.ts'
import { Top } from '../../src/grants/top.ts'
import { VoterBook } from '../../src/grants/voter-book.ts'
import { Timeline } from './timeline.ts'

/** What the model of acting says; the rest is the real thing. */
type Message =
  | GrantsLinkMessage
  | {
      readonly type: 'ask'
      readonly boot: number
      readonly sentAt: number
      readonly voters: VotersName
      readonly term: number
    }
  | {
      readonly type: 'leave'
      readonly boot: number
      readonly sentAt: number
      readonly top: number
      readonly took: number
      /** Others to whom the voter's promise stands: what the exceptions of a grant are made of. */
      readonly knows: readonly NodeId[]
    }

interface Disk {
  readonly name: string
  top: number | undefined
  voters: StoredVoters | undefined
}

interface Machine {
  readonly id: NodeId
  readonly rate: number
  readonly offset: number
  disk: Disk
  boot: number
  up: Life | undefined
}

interface Life {
  readonly book: VoterBook
  readonly top: Top
  readonly out: GrantsEffect[]
  readonly bornAt: number
  /** Voter -> until when its leave holds, on this node's clock. */
  readonly leaves: Map<NodeId, { until: number; top: number; knows: readonly NodeId[] }>
  /** Asker -> until when this node promised, and the boot it promised to. */
  readonly promises: Map<NodeId, number>
  /** The term it asks for: who has it on disk, and since when it is wanted. */
  term:
    | { readonly value: number; readonly since: number; readonly voters: Set<NodeId>; taken: boolean }
    | undefined
  /** The highest term it ever asked for: it asks for none twice. */
  highest: number
  /** The last term on this voter's disk by session of an asker. */
  readonly tookFor: Map<string, number>
  diskFreeAt: number
}

export interface Weather {
  /** Share of messages lost. */
  readonly loss: number
  readonly delayMsMax: number
}

export class VoterWorld {
  readonly random: Random
  readonly machines = new Map<NodeId, Machine>()
  readonly #base: GrantsConfig
  readonly #timeline = new Timeline()
  #marks = 0
  weather: Weather = { loss: 0, delayMsMax: 10 }
  /** Nodes of different sides do not hear each other. */
  sides = new Map<NodeId, number>()
  /** Terms that were taken: when, and how high. */
  readonly taken: { readonly at: number; readonly term: number }[] = []
  readonly story: string[] = []
  /** Moments at which two nodes held a quorum at the same time, each looked at. */
  overlaps = 0
  changes = 0
  /** Who lost its disk last. */
  forgetful: NodeId | undefined

  constructor(seed: number, names: readonly string[], config: Partial<GrantsConfig>) {
    this.random = new Random(seed)
    this.#base = { ...grantsDefaults(), mode: 'quorum', ...config }
    for (const name of names) {
      const id = asNodeId(name)
      const rate = this.random.between(0.91, 1.1)
      const offset = this.random.between(0, 1e6)
      this.machines.set(id, {
        id,
        rate,
        offset,
        disk: { name: `disk ${name}`, top: undefined, voters: undefined },
        boot: 0,
        up: undefined,
      })
      this.sides.set(id, 0)
    }
  }

  get ids(): readonly NodeId[] {
    return [...this.machines.keys()]
  }

  machine(id: NodeId): Machine {
    const found = this.machines.get(id)
    assert.ok(found)
    return found
  }

  get now(): number {
    return this.#timeline.now
  }

  at(delay: number, run: () => void): void {
    this.#timeline.after(delay, run)
  }

  runUntil(end: number): void {
    this.#timeline.runUntil(end)
  }

  note(line: string): void {
    this.story.push(`${this.now.toFixed(0)} ${line}`)
  }

  start(id: NodeId): void {
    const machine = this.machine(id)
    if (machine.up !== undefined) return
    machine.boot++
    const out: GrantsEffect[] = []
    const book: VoterBook = new VoterBook({
      self: id,
      disk: machine.disk.name,
      session: machine.boot,
      config: this.#base,
      stored: machine.disk.voters,
      top: () => top,
      promiseMs: () => this.#base.promiseMs,
      nextMark: () => ++this.#marks,
      out,
    })
    const top: Top = new Top({ self: id, stored: machine.disk.top, voters: book, rounds: book.rounds, out })
    const life: Life = {
      book,
      top,
      out,
      bornAt: this.clock(machine).mono,
      leaves: new Map(),
      promises: new Map(),
      term: undefined,
      highest: 0,
      tookFor: new Map(),
      diskFreeAt: this.now,
    }
    machine.up = life
    this.note(`${id} starts, boot ${machine.boot}`)
    const beat = (): void => {
      if (machine.up !== life) return
      this.#tick(machine, life)
      this.at(100, beat)
    }
    this.at(this.random.between(0, 100), beat)
  }

  crash(id: NodeId): void {
    const machine = this.machine(id)
    if (machine.up === undefined) return
    machine.up = undefined
    this.note(`${id} crashes`)
  }

  wipe(id: NodeId): void {
    this.forgetful = id
    this.machine(id).disk = { name: `disk ${id} of ${this.now}`, top: undefined, voters: undefined }
    this.note(`${id} loses its disk`)
  }

  clock({ rate, offset }: Machine): Now {
    return { mono: instantOf(this.now * rate + offset), wall: wallOf(1_000_000 + this.now * rate) }
  }

  /** Members that a node sees, with a few it misses. */
  view(id: NodeId, missing: number): ReadonlySet<NodeId> {
    const seen = this.ids.filter(
      other => other === id || (this.#linked(id, other) && !this.random.chance(missing)),
    )
    return new Set(seen)
  }

  look(id: NodeId, live: ReadonlySet<NodeId>): void {
    const machine = this.machine(id)
    if (machine.up === undefined) return
    machine.up.book.viewChanged(live, this.clock(machine))
    this.#flush(machine, machine.up)
  }

  change(id: NodeId, kind: 'add' | 'remove', node: NodeId): boolean {
    const machine = this.machine(id)
    if (machine.up === undefined) return false
    const answer = machine.up.book.change(kind, node, this.clock(machine))
    if (answer.ok) this.note(`${id} is asked to ${kind} ${node}`)
    this.#flush(machine, machine.up)
    return answer.ok
  }

  /** The voters whose leave a node holds, when they are a quorum to it. */
  acting(machine: Machine): ReadonlySet<NodeId> | undefined {
    const life = machine.up
    if (life === undefined) return undefined
    const { mono } = this.clock(machine)
    const held = new Set([...life.leaves].filter(([, { until }]) => until > mono).map(([voter]) => voter))
    return life.book.isQuorum(held) ? held : undefined
  }

  /** Of any two that hold a quorum now, one was told of the other by a voter in both quorums. */
  checkQuorums(): void {
    const actors = [...this.machines.values()].flatMap(machine => {
      const voters = this.acting(machine)
      return voters === undefined ? [] : [{ machine, voters }]
    })
    for (const [i, a] of actors.entries()) {
      for (const b of actors.slice(i + 1)) {
        this.overlaps++
        const told = (one: Machine, voter: NodeId, other: Machine): boolean =>
          one.up?.leaves.get(voter)?.knows.includes(other.id) === true
        const witness = [...a.voters].some(
          voter =>
            b.voters.has(voter) && (told(a.machine, voter, b.machine) || told(b.machine, voter, a.machine)),
        )
        if (!witness)
          this.#fail(`${a.machine.id} by ${[...a.voters]} and ${b.machine.id} by ${[...b.voters]}`)
      }
    }
  }

  #fail(what: string): never {
    const lists = [...this.machines.values()].map(({ id, up }) => {
      const list = up?.book.list
      return `${id}: ${list === undefined ? '-' : `v${list.version} ${list.names} < ${list.previous ?? ''}`}`
    })
    assert.fail(
      `at ${this.now.toFixed(0)}: ${what}\n${lists.join('\n')}\n${this.story.slice(-80).join('\n')}`,
    )
  }

  #linked(a: NodeId, b: NodeId): boolean {
    return (
      this.sides.get(a) === this.sides.get(b) &&
      this.machine(a).up !== undefined &&
      this.machine(b).up !== undefined
    )
  }

  #tick(machine: Machine, life: Life): void {
    const now = this.clock(machine)
    life.top.tick(now)
    life.book.tick(now, true)
    this.#want(machine, life)
    this.#flush(machine, life)
    this.checkQuorums()
  }

  /** Asks every voter for leave, sometimes with a new term. */
  #want(machine: Machine, life: Life): void {
    const name = life.book.name
    if (name === undefined) return
    const quorum = this.acting(machine)
    if (quorum === undefined) life.term = undefined
    else if (life.term === undefined || (life.term.taken && this.random.chance(0.05))) {
      const tops = [...quorum].map(voter => life.leaves.get(voter)?.top ?? 0)
      const value = Math.max(life.highest, ...tops) + 1 + this.random.below(8)
      life.highest = value
      life.term = { value, since: this.now, voters: new Set(), taken: false }
    }
    const term = life.term?.value ?? 0
    const sentAt = this.clock(machine).mono
    const ask = { type: 'ask', boot: machine.boot, sentAt, voters: name, term } as const
    for (const voter of life.book.names) this.#carry(machine.id, voter, ask)
  }

  #carry(from: NodeId, to: NodeId, message: Message): void {
    if (from !== to && (!this.#linked(from, to) || this.random.chance(this.weather.loss))) return
    const boot = this.machine(to).boot
    this.at(from === to ? 0 : this.random.between(0.2, this.weather.delayMsMax), () => {
      const machine = this.machine(to)
      if (machine.up !== undefined && machine.boot === boot) this.#receive(machine, machine.up, from, message)
    })
  }

  #receive(machine: Machine, life: Life, from: NodeId, message: Message): void {
    const now = this.clock(machine)
    if (message.type === 'ask') this.#grant(machine, life, from, message)
    else if (message.type === 'leave') this.#granted(machine, life, from, message)
    else if (message.type === 'top-ask' || message.type === 'top-tell') life.top.message(from, message, now)
    else if (message.type.startsWith('voters')) life.book.message(from, message as never, now)
    this.#flush(machine, life)
  }

  #grant(machine: Machine, life: Life, from: NodeId, ask: Extract<Message, { type: 'ask' }>): void {
    const { book, top } = life
    const now = this.clock(machine).mono
    if (book.name?.hash !== ask.voters.hash || !book.includes(machine.id) || !top.known) return
    if (now - life.bornAt < this.#base.promiseMs) return
    const until = now + this.#base.promiseMs
    const knows = [...life.promises].filter(([node, end]) => node !== from && end > now).map(([node]) => node)
    life.promises.set(from, Math.max(until, life.promises.get(from) ?? 0))
    const session = `${from} ${ask.boot}`
    const own = life.tookFor.get(session) === ask.term
    const takes = ask.term > top.value
    if (takes) life.tookFor.set(session, ask.term)
    if (takes) top.raise(ask.term)
    const took = own || takes ? ask.term : 0
    const leave = { type: 'leave', boot: ask.boot, sentAt: ask.sentAt, top: top.value, took, knows } as const
    this.#flush(machine, life) // the term goes to the disk first
    this.#afterDisk(machine, life, () => this.#carry(machine.id, from, leave))
  }

  #granted(machine: Machine, life: Life, from: NodeId, leave: Extract<Message, { type: 'leave' }>): void {
    if (leave.boot !== machine.boot) return
    const until = leave.sentAt + this.#base.leaseMs
    const before = life.leaves.get(from)
    if (before === undefined || until > before.until)
      life.leaves.set(from, { until, top: leave.top, knows: leave.knows })
    const { term } = life
    if (term === undefined || term.taken || leave.took !== term.value) {
      if (term !== undefined && !term.taken && leave.top > term.value) life.term = undefined
      return
    }
    term.voters.add(from)
    if (this.acting(machine) === undefined || !life.book.isQuorum(term.voters)) return
    term.taken = true
    const higher = this.taken.find(other => other.at < term.since && other.term >= term.value)
    if (higher !== undefined)
      this.#fail(`${machine.id} took term ${term.value} after ${higher.term} was taken`)
    this.note(
      `${machine.id} v${life.book.list?.version} ${life.book.names} took ${term.value} since ${term.since.toFixed(0)} by ${[...term.voters]}`,
    )
    this.taken.push({ at: this.now, term: term.value })
  }

  #flush(machine: Machine, life: Life): void {
    for (const effect of life.out.splice(0)) this.#perform(machine, life, effect)
  }

  #perform(machine: Machine, life: Life, effect: GrantsEffect): void {
    if (effect.kind === 'send') this.#carry(machine.id, effect.to, effect.message)
    else if (effect.kind === 'log') this.#read(machine, effect.event)
    else if (effect.kind === 'persisted') {
      life.book.persisted(effect.mark, this.clock(machine))
      this.#flush(machine, life)
    } else if (effect.kind === 'persist') {
      this.#afterDisk(machine, life, () => {
        for (const write of effect.writes) {
          if (write.key === 'top') machine.disk.top = write.value
          else if (write.key === 'voters') machine.disk.voters = structuredClone(write.value)
        }
        for (const then of effect.then) this.#perform(machine, life, then)
      })
    }
  }

  #read(machine: Machine, event: string): void {
    if (event === 'voters-change-settled') this.changes++
    if (event.startsWith('voters')) this.note(`${machine.id} ${event}`)
  }

  /** Writes are durable in the order they are asked for; a crash loses those that are not. */
  #afterDisk(machine: Machine, life: Life, run: () => void): void {
    const slow = this.random.chance(0.02) ? 300 : 8
    life.diskFreeAt = Math.max(life.diskFreeAt, this.now) + this.random.between(0.1, slow)
    this.at(life.diskFreeAt - this.now, () => {
      if (machine.up === life) run()
    })
  }
}

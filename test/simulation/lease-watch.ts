/**
 * What a quorum really granted to each node, kept outside of the nodes: when each request left, and which voters answered
 * that they grant it. The lease of a node can be no longer than `leaseMs` after the sending of the last request that a
 * quorum granted, whatever the node itself believes; its own vote, which no wire shows, is counted as always given.
 */
import type { NodeId } from '../../src/base/ids.ts'
import type { Grant, Renew, VoterList } from '../../src/grants/messages.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import type { Cluster } from './cluster.ts'
import type { Findings } from './findings.ts'
import type { Party } from './network.ts'
import type { Process } from './process.ts'

/** Rounding of clocks, in ms. */
const EPSILON_MS = 0.01
/** Requests without an answer remembered per voter; older ones are of no use. */
const SENT_MAX = 64
/** Requests remembered per voter; a disk answers within a second. */
const ASKED_MAX = 1_000

/** One voter as one process knows it. */
interface Asked {
  /** Sending times by sequence number, on the clock of the asking host. */
  readonly sent: Map<number, number>
  grantedAt: number
}

type Frame = Extract<Input, { kind: 'frame' }>

interface Granted {
  readonly session: number
  readonly seq: number
  /** On the voter's clock. */
  readonly at: number
}

export class LeaseWatch {
  readonly #cluster: Cluster
  readonly #findings: Findings
  /** By host number: a key may change with a lost disk. */
  readonly #asked = new WeakMap<Process, Map<number, Asked>>()
  readonly #hostOfPeer = new Map<string, number>()
  /** Per voter: the terms that it was asked for, by who asked, session and number. */
  readonly #terms = new WeakMap<Process, Map<string, number>>()

  /** Per voter and process that asked: what it granted last. */
  readonly #granted = new WeakMap<Process, Map<Party, Granted>>()
  /** What each process had for the list of its voters when it was looked at last, and since when, on its own clock. */
  readonly #lists = new WeakMap<Process, { readonly list: string; readonly since: number }>()
  /** The request that is being answered, when one is. */
  #answering: { readonly seq: number; readonly by: Party | undefined } | undefined

  constructor(cluster: Cluster, findings: Findings) {
    this.#cluster = cluster
    this.#findings = findings
  }

  input(process: Process, input: Input): void {
    this.#answering = undefined
    if (input.kind !== 'frame') return
    if (input.message.type === 'renew') this.#noteAsked(process, input, input.message)
    if (input.message.type !== 'grant') return
    const { session, seq } = input.message
    if (session !== process.boot || !this.#isMeant(process.host, input.message)) return
    const asked = this.#askedOf(process).get(this.#hostOfPeer.get(input.peer) ?? -1)
    const at = asked?.sent.get(seq)
    if (asked !== undefined && at !== undefined) asked.grantedAt = Math.max(asked.grantedAt, at)
  }

  effect(process: Process, effect: Effect): void {
    if (effect.kind === 'log' && effect.event === 'verdict') this.#checkEviction(process, effect.fields)
    if (effect.kind !== 'send') return
    const { message } = effect
    if (message.type === 'renew') this.#noteSent(process, effect.link, message)
    if (message.type === 'grant') this.#checkGrant(process, effect.link, message)
  }

  /** Local instant at which the process's lease ends at the latest; minus infinity when it never had one. */
  boundOf(process: Process): number {
    const list = this.#votersOf(process)
    if (list === undefined) return Number.NEGATIVE_INFINITY
    const now = process.now().mono as number
    const times = new Map<NodeId, number>()
    const asked = this.#asked.get(process)
    for (const name of new Set([...list.names, ...(list.previous ?? [])])) {
      const host = this.#cluster.world.hosts.find(each => each.name === name)
      const isSelf = host?.index === process.host
      const at = isSelf ? now : asked?.get(host?.index ?? -1)?.grantedAt
      if (at !== undefined) times.set(name, at)
    }
    const since = [list.names, ...(list.previous === undefined ? [] : [list.previous])].map(names =>
      quorumSince(names, times, list.fixed && list.previous === undefined),
    )
    return Math.min(...since) + this.#cluster.grants.leaseMs
  }

  /** To be called often: sees that the list of the process's voters is another one. */
  look(process: Process): void {
    const list = JSON.stringify(this.#votersOf(process))
    const known = this.#lists.get(process)
    if (known?.list === list) return
    const since = known === undefined ? Number.NEGATIVE_INFINITY : (process.now().mono as number)
    this.#lists.set(process, { list, since })
  }

  /**
   * Must all that executes have been stopped? What a quorum of the list before has granted is promised still: the node may not begin
   * anything under the new one, but what runs is ended in peace.
   */
  mustBeStill(process: Process): boolean {
    const { since } = this.#lists.get(process) ?? { since: Number.NEGATIVE_INFINITY }
    const endsAt = since + this.#cluster.grants.leaseMs
    return this.over(process) && (process.now().mono as number) > endsAt
  }

  /** Has the process's lease, as the outside knows it, run out? */
  over(process: Process): boolean {
    return (process.now().mono as number) > this.boundOf(process) + EPSILON_MS
  }

  #votersOf(process: Process): VoterList | undefined {
    return this.#cluster.nodeIn(process)?.grants?.voters.list
  }

  #askedOf(process: Process): Map<number, Asked> {
    let asked = this.#asked.get(process)
    if (asked === undefined) {
      asked = new Map()
      this.#asked.set(process, asked)
    }
    return asked
  }

  #partyOn(process: Process, link: number): Party | undefined {
    return this.#cluster.world.network.endsOf(process).find(end => end.link === link)?.other.owner
  }

  #noteSent(process: Process, link: number, { seq }: Renew): void {
    const voter = this.#partyOn(process, link)
    if (voter === undefined) return
    this.#hostOfPeer.set(voter.peer, voter.host)
    const all = this.#askedOf(process)
    let asked = all.get(voter.host)
    if (asked === undefined) {
      asked = { sent: new Map(), grantedAt: Number.NEGATIVE_INFINITY }
      all.set(voter.host, asked)
    }
    asked.sent.set(seq, process.now().mono)
    if (asked.sent.size > SENT_MAX) {
      const oldest = asked.sent.keys().next()
      if (!oldest.done) asked.sent.delete(oldest.value)
    }
  }

  #noteAsked(process: Process, input: Frame, { session, seq, term }: Renew): void {
    this.#answering = { seq, by: this.#partyOn(process, input.link) }
    // What is on the disk already will be when the answer goes out.
    if (term <= this.#topOnDisk(process)) return
    let terms = this.#terms.get(process)
    if (terms === undefined) {
      terms = new Map()
      this.#terms.set(process, terms)
    }
    terms.set(`${input.peer} ${session} ${seq}`, term)
    if (terms.size > ASKED_MAX) terms.delete(terms.keys().next().value ?? '')
  }

  #checkGrant(process: Process, link: number, grant: Grant): void {
    const host = this.#cluster.world.hosts[process.host]
    const party = this.#partyOn(process, link)
    if (host === undefined || party === undefined || !this.#isMeant(party.host, grant)) return
    this.#checkOrder(process, party, grant)
    const { peer } = party
    const { session, seq, termTaken } = grant
    const awakeMs = (process.now().mono as number) - host.clock.monoAt(process.startedAt)
    if (awakeMs < this.#cluster.grants.promiseMs - EPSILON_MS) {
      const detail = `granted to ${peer} ${Math.round(awakeMs)} ms after its boot`
      this.#findings.fail('a voter is silent after boot', host.name, detail)
    }
    const onDisk = this.#topOnDisk(process)
    const term = this.#terms.get(process)?.get(`${peer} ${session} ${seq}`) ?? 0
    if (termTaken && onDisk < term) {
      const detail = `has taken term ${term}, its disk has ${onDisk}`
      this.#findings.fail('a term is on disk before it is granted', host.name, detail)
    }
  }

  /** Or is it for an earlier life of the process that is there now? */
  #isMeant(host: number, { disk }: Grant): boolean {
    const { world } = this.#cluster
    const process = world.hosts[host]?.process
    return disk === undefined || process === undefined || disk === this.#cluster.nodeIn(process)?.grants?.disk
  }

  #topOnDisk({ host }: Process): number {
    const { hosts } = this.#cluster.world
    return (hosts[host]?.disk.rows('grants').get('top') as number | undefined) ?? 0
  }

  /** The same grant may go out again once its term is on disk; another request may not be answered behind its back. */
  #checkOrder(process: Process, party: Party, { session, seq }: Grant): void {
    let granted = this.#granted.get(process)
    if (granted === undefined) {
      granted = new Map()
      this.#granted.set(process, granted)
    }
    const last = granted.get(party)
    const now = process.now().mono as number
    const stands = last?.session === session && now < last.at + this.#cluster.grants.promiseMs
    const asked = this.#answering?.by === party && this.#answering.seq === seq
    if (stands && asked && seq <= last.seq) {
      const name = this.#cluster.world.hosts[process.host]?.name
      const detail = `grants request ${seq} of ${party.peer} after ${last.seq}`
      this.#findings.fail('a voter takes nothing back', name, detail)
    }
    if (!stands || seq > last.seq) granted.set(party, { session, seq, at: now })
  }

  #checkEviction(process: Process, fields: Readonly<Record<string, unknown>>): void {
    // Before there are voters nobody acts, so nobody can be robbed of the right to.
    if (this.#votersOf(process) === undefined || !this.over(process)) return
    const name = this.#cluster.world.hosts[process.host]?.name
    const detail = `calls ${String(fields['member'])} dead, its lease is over`
    this.#findings.fail('no eviction without a lease', name, detail)
  }
}

/** Since when enough of these names had granted: more than half, or exactly half with the lowest name. */
function quorumSince(names: readonly NodeId[], times: ReadonlyMap<NodeId, number>, half: boolean): number {
  const at = names.map(name => times.get(name) ?? Number.NEGATIVE_INFINITY).sort((a, b) => b - a)
  const majority = at[Math.floor(names.length / 2)] ?? Number.NEGATIVE_INFINITY
  const lowest = times.get([...names].sort()[0] ?? (names[0] as NodeId)) ?? Number.NEGATIVE_INFINITY
  if (!half || names.length % 2 === 1) return majority
  return Math.max(majority, Math.min(lowest, at[names.length / 2 - 1] ?? Number.NEGATIVE_INFINITY))
}

/**
 * Says who may act for a few keys, and on whose leave: when a node begins, under which token and which voters' grants;
 * when it ends, which is when its lease ends on its own clock, also while it stands still; what it waits for; what it keeps.
 */
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { NEVER } from '../../src/base/time.ts'
import { Conditions } from '../../src/grants/conditions.ts'
import type { Grants } from '../../src/grants/grants.ts'
import type { Holding } from '../../src/grants/leases.ts'
import { excepted, type KnownRings } from '../../src/grants/scopes.ts'
import type { Node } from '../../src/node/node.ts'
import { WALL_START_MS } from '../simulation/clock.ts'
import type { Cluster } from '../simulation/cluster.ts'
import type { Process } from '../simulation/process.ts'
import type { Host } from '../simulation/world.ts'

/** Low bits of a token that say nothing yet (`grants/token.ts`). */
const TERM_SHIFT = 16n

interface Acts {
  readonly process: Process
  readonly token: string
  /** Virtual time in ms; renewed again and again. */
  until: number
}

/** What one node stands to one key like. */
interface Stand {
  acts: Acts | undefined
  waits: string
  keeps: boolean
}

export class RightWatch {
  readonly #cluster: Cluster
  readonly #keys: readonly string[]
  readonly #say: (atMs: number, text: string) => void
  readonly #stands = new Map<string, Stand>()

  /** @param say is told of what happened in the order of time, perhaps a moment later */
  constructor(cluster: Cluster, keys: readonly string[], say: (atMs: number, text: string) => void) {
    this.#cluster = cluster
    this.#keys = keys
    this.#say = say
  }

  /** After a step of the process: what it may do now. */
  stepped(process: Process): void {
    const host = this.#cluster.world.hosts[process.host]
    const node = host && this.#cluster.nodeOf(host)
    if (host === undefined || node === undefined || host.process !== process) return
    const told = new Map<string, string[]>()
    for (const key of this.#keys)
      for (const text of this.#look(host, node, key)) told.set(text, [...(told.get(text) ?? []), key])
    for (const [text, keys] of told)
      this.#say(this.#cluster.world.now, `${host.name} ${text.replace('KEYS', keys.join(' '))}`)
  }

  /** Says who has ceased to act without a step of its own: its lease is over, or its process. */
  catchUp(): void {
    const { now, hosts } = this.#cluster.world
    const ended: { readonly at: number; readonly who: string; readonly key: string; readonly how: string }[] =
      []
    for (const host of hosts)
      for (const key of this.#keys) {
        const stand = this.#stand(host, key)
        const { acts } = stand
        if (acts === undefined) continue
        const gone = host.process !== acts.process
        if (!gone && acts.until > now) continue
        stand.acts = undefined
        const at = Math.min(acts.until, now)
        ended.push({ at, who: host.name, key, how: acts.until > now ? 'it is gone' : 'its lease is over' })
      }
    ended.sort((a, b) => a.at - b.at)
    const told = new Map<string, { readonly at: number; readonly keys: string[] }>()
    for (const { at, who, key, how } of ended) {
      const text = `${who} acts no more for KEYS: ${how}`
      const name = `${at} ${text}`
      const same = told.get(name) ?? { at, keys: [] }
      told.set(name, { at, keys: [...same.keys, key] })
    }
    for (const [name, { at, keys }] of told)
      this.#say(at, name.slice(`${at} `.length).replace('KEYS', keys.join(' ')))
  }

  #look(host: Host, node: Node, key: string): string[] {
    const stand = this.#stand(host, key)
    const { grants } = node
    return [
      ...this.#lookActs(host, node, key, stand),
      ...(grants === undefined ? [] : lookKeeps(grants, key, stand)),
      ...(grants === undefined ? [] : lookWaits(node, grants, key, stand)),
    ]
  }

  #lookActs(host: Host, node: Node, key: string, stand: Stand): string[] {
    const acts = this.#actsOf(host, node, key)
    const before = stand.acts
    stand.acts = acts
    if (acts === undefined) return before === undefined ? [] : ['acts no more for KEYS']
    if (before?.process === acts.process && before.token === acts.token) return []
    const again = before?.process === acts.process ? ' from now on' : ''
    return [`acts for KEYS${again}, token ${acts.token}${grantedBy(node, key)}`]
  }

  /** In available mode whoever owns a key acts for it, and its tokens say nothing worth a line. */
  #actsOf(host: Host, node: Node, key: string): Acts | undefined {
    const { process } = host
    const leave = node.right.leaveFor(key)
    if (process === undefined || leave === undefined) return undefined
    if (leave.until === NEVER) {
      const owner = node.ring.owner(key) === node.init.nodeId && node.phase === 'ready'
      return owner ? { process, token: 'unsafe', until: Number.POSITIVE_INFINITY } : undefined
    }
    const until = host.clock.virtualAt(leave.until)
    return until > this.#cluster.world.now ? { process, token: termOf(leave.token.value), until } : undefined
  }

  #stand(host: Host, key: string): Stand {
    const name = `${host.name} ${key}`
    const known = this.#stands.get(name) ?? { acts: undefined, waits: '', keeps: false }
    this.#stands.set(name, known)
    return known
  }
}

/** Terms begin as wall clock milliseconds; the beginning of the world is subtracted to keep them short. */
const termOf = (token: string): string => `#${Number(BigInt(token) >> TERM_SHIFT) - WALL_START_MS}`

function lookKeeps({ keeps }: Grants, key: string, stand: Stand): string[] {
  const kept = keeps.includes(key)
  if (kept === stand.keeps) return []
  stand.keeps = kept
  return [kept ? 'keeps KEYS' : 'keeps KEYS no more']
}

/** A key that its ring gives to a node, and that voters have promised to somebody else. */
function lookWaits(node: Node, grants: Grants, key: string, stand: Stand): string[] {
  const waits =
    stand.acts === undefined && node.ring.owner(key) === node.init.nodeId ? promised(node, grants, key) : ''
  if (waits === stand.waits) return []
  stand.waits = waits
  return waits === '' ? [] : [`waits for KEYS: ${waits}`]
}

/** `n1 promised it to n2`, with equal promises of several voters together. */
function promised(node: Node, grants: Grants, key: string): string {
  const rings = ringsOf(grants)
  const self = asNodeId(node.init.nodeId)
  const by = new Map<string, NodeId[]>()
  for (const { voter, conditions } of byName(grants.holdings))
    for (const condition of conditions) {
      if (condition.kind === 'claimed' || condition.saved.includes(key)) continue
      if (!excepted(condition.exception, self, key, rings)) continue
      const whom = condition.exception.node ?? 'others'
      by.set(whom, [...(by.get(whom) ?? []), voter])
    }
  return [...by].map(([whom, voters]) => `${voters.join(' ')} promised it to ${whom}`).join(', ')
}

function grantedBy(node: Node, key: string): string {
  const { grants } = node
  if (grants === undefined || node.modeOf(key) === 'available') return ''
  const conditions = new Conditions(node.init.nodeId, ringsOf(grants))
  const good = byName(grants.holdings).filter(each => conditions.hold(each.conditions, key))
  return `, granted by ${good.map(({ voter }) => voter).join(' ')}`
}

const ringsOf = (grants: Grants): KnownRings => ({ get: checksum => grants.ring(checksum) })

const byName = (holdings: readonly Holding[]): readonly Holding[] =>
  holdings.toSorted((a, b) => (a.voter < b.voter ? -1 : 1))

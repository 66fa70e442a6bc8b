/** How a node shows itself: plain values made from its rooms. Reads only. */
import type { Instant, Now } from '../base/time.ts'
import type { MemberStatus } from '../membership/member.ts'
import type { Entry } from '../membership/roster.ts'
import type { Node } from './node.ts'
import type {
  Explanation,
  LedgerEntry,
  MemberView,
  NodeStatus,
  OwnerAnswer,
  Readiness,
  RingView,
} from './status.ts'

/** Tasks of a key shown by `explain` at most. */
const EXPLAINED_TASKS_MAX = 20

export function statusOf(node: Node, now: Now): NodeStatus {
  const { init, membership } = node
  const self = membership.self
  return {
    nodeId: init.nodeId,
    peerId: init.peerId,
    cluster: init.cluster,
    version: init.version,
    incarnation: self.incarnation,
    boot: init.boot,
    uptimeMs: Math.round(node.uptimeMs(now)),
    mode: 'available',
    addresses: self.addresses,
    phase: node.phase,
    ready: readinessOf(node, now),
    members: countByOpinion(node, now.mono),
    ring: { checksum: node.ring.checksum, members: node.ring.members.length, agreement: agreementOf(node) },
    tasks: node.tasks.counts(),
  }
}

export function readinessOf(node: Node, now: Now): Readiness {
  const { lastRefusal } = node.membership
  const why = lastRefusal ? `; refused: ${lastRefusal.code}: ${lastRefusal.detail}` : ''
  const reasons = node.gate
    .closedBecause(node.gateSight(), now.mono)
    .map(reason => (reason.code === 'joining' ? { ...reason, detail: `${reason.detail}${why}` } : reason))
  if (node.phase === 'leaving' || node.phase === 'left') {
    reasons.push({ code: 'leaving', detail: 'this node leaves the cluster' })
  }
  if (node.membership.island) {
    reasons.push({ code: 'island', detail: `this node is alone although it has seeds${why}` })
  }
  return { ready: reasons.length === 0, reasons }
}

export function memberViews(node: Node, now: Instant): MemberView[] {
  return [...node.membership.roster.entries()]
    .map(entry => memberView(node, entry, now))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

export function memberOf(
  node: Node,
  id: string,
  now: Instant,
): (MemberView & { readonly ledger: readonly LedgerEntry[] }) | undefined {
  const entry = [...node.membership.roster.entries()].find(candidate => candidate.record.id === id)
  if (entry === undefined) return undefined
  return { ...memberView(node, entry, now), ledger: node.membership.ledger.of(entry.record.id) }
}

export function ringView(node: Node): RingView {
  const { ring, init } = node
  return {
    checksum: ring.checksum,
    version: init.ring.version,
    vnodesPerWeight: init.ring.vnodesPerWeight,
    replicas: init.ring.replicas,
    members: ring.members.map(member => ({ ...member, share: ring.share(member.id) })),
  }
}

export function ownerOf(node: Node, key: string): OwnerAnswer {
  const owner = node.ring.owner(key)
  return {
    key,
    owner,
    mine: owner === node.init.nodeId,
    addresses: owner === undefined ? [] : (node.membership.roster.get(owner)?.record.addresses ?? []),
    ringChecksum: node.ring.checksum,
    mode: 'available',
  }
}

export function explanationOf(node: Node, key: string): Explanation | undefined {
  if (node.ring.members.length === 0) return undefined
  const placement = node.ring.explain(key, node.init.ring.replicas)
  return {
    ...placement,
    mine: placement.owner === node.init.nodeId,
    ringChecksum: node.ring.checksum,
    beliefs: node.membership.roster.living().map(({ record }) => beliefOf(node, record.id)),
    tasks: node.tasks.ofKey(key).slice(0, EXPLAINED_TASKS_MAX),
  }
}

/** Share of the other living members whose last heartbeat named this node's ring; 1 when there are none. */
export function agreementOf(node: Node): number {
  const others = node.membership.roster.living().filter(({ record }) => record.id !== node.init.nodeId)
  if (others.length === 0) return 1
  const agreeing = others.filter(({ record }) => beliefOf(node, record.id).agrees === true)
  return agreeing.length / others.length
}

function beliefOf(node: Node, id: Entry['record']['id']): Explanation['beliefs'][number] {
  if (id === node.init.nodeId) return { id, ringChecksum: node.ring.checksum, agrees: true }
  const ringChecksum = node.membership.heartbeats.pulse(id)?.ringChecksum
  return {
    id,
    ringChecksum,
    agrees: ringChecksum === undefined ? undefined : ringChecksum === node.ring.checksum,
  }
}

function memberView(node: Node, entry: Entry, now: Instant): MemberView {
  const { record } = entry
  const self = record.id === node.init.nodeId
  const sight = node.membership.sight(entry, now)
  const pulse = node.membership.heartbeats.pulse(record.id)
  const suspect = record.status === 'alive' && sight.claims.length > 0
  return {
    ...record,
    ...sight,
    opinion: suspect ? 'suspect' : record.status,
    self,
    ringChecksum: self ? node.ring.checksum : pulse?.ringChecksum,
    load: self ? node.tasks.load() : pulse?.load,
  }
}

function countByOpinion(node: Node, now: Instant): Record<MemberStatus, number> {
  const counts: Record<MemberStatus, number> = { alive: 0, suspect: 0, dead: 0, left: 0 }
  for (const entry of node.membership.roster.entries()) counts[memberView(node, entry, now).opinion]++
  return counts
}

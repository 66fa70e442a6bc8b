/** How a node shows itself: plain values made from its rooms. Reads only. */
import { after, elapsedMs, type Instant, type Now } from '../base/time.ts'
import { namesOf } from '../grants/voter-list.ts'
import type { MemberStatus } from '../membership/member.ts'
import type { Entry } from '../membership/roster.ts'
import { position } from '../ring/hash.ts'
import { newestWord } from './causes.ts'
import type { Node } from './node.ts'
import type {
  Explanation,
  GrantsStatus,
  LedgerEntry,
  MemberView,
  NodeStatus,
  OwnerAnswer,
  Readiness,
  RingView,
  WorkLeft,
} from './status.ts'

/** Tasks of a key shown by `explain` at most. */
const EXPLAINED_TASKS_MAX = 20

/** Members named that take no keys. */
const NAMED_MAX = 8

/** An answer ends so much sooner than the right, in ms: an application's timer is late too. */
const ANSWER_EARLY_MS = 50

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
    mode: init.grants.mode,
    grants: grantsOf(node, now),
    cordoned: self.cordoned === true,
    addresses: self.addresses,
    phase: node.phase,
    ready: readinessOf(node, now),
    members: countByOpinion(node, now.mono),
    ring: { checksum: node.ring.checksum, members: node.ring.members.length, agreement: agreementOf(node) },
    tasks: node.tasks.counts(),
  }
}

export function grantsOf(node: Node, now: Now): GrantsStatus {
  return node.grants?.status(now) ?? { ...NO_GRANTS, session: node.init.boot }
}

/** Nothing runs in quorum mode. */
const NO_GRANTS: Omit<GrantsStatus, 'session'> = {
  enabled: false,
  voters: undefined,
  voter: false,
  granting: false,
  grantedBy: [],
  term: 0,
  top: 0,
  topUnheard: [],
  exceptions: 0,
  keeps: [],
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
  const grants = grantsOf(node, now)
  // A voter whose word is a quorum acts alone, and rightly so.
  if (node.membership.island && grants.leaseForMs === undefined) {
    reasons.push({ code: 'island', detail: `this node is alone although it has seeds${why}` })
  }
  reasons.push(...rightReasons(grants, node))
  const { condition, detail } = node.store
  if (condition !== 'ok') {
    const refused = `new tasks are refused, what was accepted goes on as far as the disk lets it: ${detail}`
    reasons.push({ code: `store-${condition}`, detail: refused })
  }
  return { ready: reasons.length === 0, reasons }
}

/** What keeps this node from acting, or from letting others act. */
function rightReasons(grants: GrantsStatus, node: Node): Readiness['reasons'] {
  const { tasks } = node
  if (!grants.enabled) return []
  if (grants.voters === undefined) {
    const undecided = whyUndecided(node)
    if (undecided !== undefined) return [{ code: 'voters-undecided', detail: undecided }]
    return [{ code: 'no-voters', detail: `no voter list yet: ${whyNone(node)}` }]
  }
  const silenceMs = node.grants?.silenceMs
  const unheard = grants.topUnheard.length > 0 ? `; unheard: ${grants.topUnheard.join(', ')}` : ''
  const silent = `this voter grants nothing for ${silenceMs} ms after its start, nor before it knows the highest term${unheard}`
  const names = namesOf(grants.voters).length
  const held = `${grants.grantedBy.length} of ${names} voters grant this node leave to act, which is no quorum`
  return [
    ...(grants.voter && !grants.granting ? [{ code: 'not-granting' as const, detail: silent }] : []),
    ...(grants.leaseForMs === undefined ? [{ code: 'no-lease' as const, detail: held }] : []),
    ...(tasks.untried ? [{ code: 'taking-over' as const, detail: `${UNTRIED}: ${tasks.waitsFor}` }] : []),
  ]
}

function whyNone({ init, membership }: Node): string {
  if (!membership.synced) return 'no seed has shared what it knows, and there may be one'
  const { expectedNodes, voters } = init.grants
  const wanted = voters.length > 0 ? voters.length : expectedNodes
  return `${membership.roster.living().length} of ${wanted} expected nodes are seen`
}

/** Each node keeps the first list that it has taken: where all have one, and none is taken by enough, it stays so. */
function whyUndecided({ init, grants, membership }: Node): string | undefined {
  const proposals = grants?.voters.proposals ?? []
  const { expectedNodes = 0 } = init.grants
  const taken = proposals.reduce((sum, { by }) => sum + by.size, 0)
  const free = membership.roster.living().length - taken
  if (proposals.length < 2 || proposals.some(({ by }) => by.size + free >= expectedNodes)) return undefined
  const said = proposals.map(
    ({ list, by }) => `${[...by.keys()].sort().join(', ')} took ${list.names.join(' ')}`,
  )
  return (
    `no voter list, and none can come of itself: ${expectedNodes} nodes must have taken the same first list; ${said.join('; ')}. ` +
    `Name the voters: "roundtable voters reset NAME... --confirm ${init.cluster}"`
  )
}

const UNTRIED = 'the nodes that may hold records of its keys have not all answered since this node started'

export function workOf({ tasks }: Node): WorkLeft {
  return { running: tasks.underWay, unsafe: tasks.unsafe, drained: tasks.drained() }
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

/** For somebody who may act on it: what this says is kept to its end, also if this node loses the key meanwhile. */
export function answerOwner(node: Node, key: string, now: Now): OwnerAnswer {
  const answer = ownerOf(node, key, now)
  const leave = answer.actingForMs === undefined ? undefined : node.right.leaveFor(key)
  if (leave !== undefined) node.granting.answered.note(key, answerEnd(leave), now.mono)
  return answer
}

/** Where a key stands. Nobody may be told of it, or this node would have to keep what it says: see `answerOwner`. */
export function ownerOf(node: Node, key: string, now: Now): OwnerAnswer {
  const owner = node.ring.owner(key)
  const mode = node.modeOf(key)
  const mine = owner === node.init.nodeId
  return {
    key,
    owner,
    mine,
    addresses: owner === undefined ? [] : (node.membership.roster.get(owner)?.record.addresses ?? []),
    ringChecksum: node.ring.checksum,
    mode,
    ...(mode === 'quorum' ? actingOf(node, key, mine, now) : { acting: mine && node.phase === 'ready' }),
  }
}

/**
 * Asked between two steps: a right that ran out since the last one is none. A key that is on its way to another is not
 * given out again, or it would never get there.
 */
function actingOf(
  node: Node,
  key: string,
  mine: boolean,
  now: Now,
): Pick<OwnerAnswer, 'acting' | 'actingUntilMs' | 'actingForMs' | 'token'> {
  const leave = node.right.leaveFor(key)
  if (!mine || leave === undefined) return { acting: false }
  const until = answerEnd(leave)
  if (until <= now.mono) return { acting: false }
  const forMs = Math.floor(elapsedMs(now.mono, until))
  return { acting: true, actingUntilMs: now.wall + forMs, actingForMs: forMs, token: leave.token }
}

const answerEnd = ({ until }: { readonly until: Instant }): Instant => after(until, -ANSWER_EARLY_MS)

/** Undefined: it has not joined, and knows no ring. */
export function explanationOf(node: Node, key: string): Explanation | undefined {
  if (node.ring.members.length === 0 && node.phase === 'joining') return undefined
  const placement = placementOf(node, key)
  const tasks = node.tasks.ofKey(key).slice(0, EXPLAINED_TASKS_MAX)
  return {
    ...placement,
    mine: placement.owner === node.init.nodeId,
    mode: node.modeOf(key),
    ringChecksum: node.ring.checksum,
    beliefs: node.membership.roster.living().map(({ record }) => beliefOf(node, record.id)),
    tasks,
    waiting: tasks.flatMap(({ spec }) => {
      const why = node.tasks.waiting(spec.id)
      return why === undefined ? [] : [{ task: spec.id, ...why }]
    }),
    history: node.history.of(key),
    ...takeoverOf(node, key),
  }
}

/** An empty ring has no place for a key; what was before is known all the same. */
function placementOf(
  { ring, init, membership }: Node,
  key: string,
): Pick<Explanation, 'key' | 'hash' | 'token' | 'owner' | 'unowned' | 'preferenceList'> {
  if (ring.members.length > 0) return ring.explain(key, init.ring.replicas)
  const living = membership.roster
    .living()
    .map(({ record }) => record)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const named = living
    .slice(0, NAMED_MAX)
    .map(({ id, leaving }) => `${id} is ${leaving ? 'leaving' : 'cordoned'}`)
  const more = living.length > NAMED_MAX ? [`${living.length - NAMED_MAX} more`] : []
  const unowned =
    living.length === 0 ? 'no member is alive' : `no member takes keys: ${[...named, ...more].join(', ')}`
  return { key, hash: position(key), owner: undefined, unowned, preferenceList: [] }
}

function takeoverOf(node: Node, key: string): Pick<Explanation, 'takeover'> {
  const takeover = node.ring.owner(key) === node.init.nodeId ? node.tasks.takeoverOf(key) : undefined
  return takeover === undefined ? {} : { takeover }
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
  return {
    ...record,
    ...sight,
    opinion: opinionOf(record.status, sight),
    self,
    modesDiffer: node.membership.heartbeats.modesDiffer(record.id),
    ringChecksum: self ? node.ring.checksum : pulse?.ringChecksum,
    load: self ? node.load() : pulse?.load,
    why: newestWord(node.membership.ledger.of(record.id)),
  }
}

const opinionOf = (status: MemberView['status'], sight: Pick<MemberView, 'claims'>): MemberStatus =>
  status === 'alive' && sight.claims.length > 0 ? 'suspect' : status

function countByOpinion(node: Node, now: Instant): Record<MemberStatus, number> {
  const counts: Record<MemberStatus, number> = { alive: 0, suspect: 0, dead: 0, left: 0 }
  for (const entry of node.membership.roster.entries()) {
    counts[opinionOf(entry.record.status, node.membership.sight(entry, now))]++
  }
  return counts
}

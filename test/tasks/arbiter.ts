import type { NodeId } from '../../src/base/ids.ts'
import { instantOf } from '../../src/base/time.ts'
import type { Ring } from '../../src/ring/ring.ts'
import type { Leave, Right } from '../../src/tasks/right.ts'

const LEASE_MS = 2_000
const PROMISE_MS = 2_500
const RENEW_MS = 250

/** The keys that a node claims: those its ring gives it, and the kept ones. */
interface Claim {
  readonly node: NodeId
  readonly ring: Ring
  readonly kept: ReadonlySet<string>
}

interface Promised extends Claim {
  readonly until: number
}

interface Granted extends Claim {
  readonly until: number
  readonly except: readonly Promised[]
  readonly token: string
}

const covers = ({ node, ring, kept }: Claim, key: string): boolean =>
  ring.owner(key) === node || kept.has(key)

/**
 * A single voter that everybody asks, and that answers at once: the rules of leases, promises, exceptions and keeps, with
 * no quorum. It lets tests of the tasks see handoffs as the real thing makes them.
 */
export class Arbiter {
  /** Nodes that do not reach it. */
  readonly cut = new Set<string>()
  readonly #promises = new Map<NodeId, Promised>()
  readonly #members = new Map<NodeId, Member>()
  #term = 0

  right(node: NodeId): Right {
    const member = new Member(node, this)
    this.#members.set(node, member)
    return member
  }

  claims(node: NodeId, ring: Ring | undefined, kept: readonly string[], now: number): void {
    this.#members.get(node)?.claims(ring, kept, now)
  }

  ask(claim: Claim, now: number): Granted | undefined {
    const { node } = claim
    if (this.cut.has(node)) return undefined
    const before = this.#promises.get(node)
    const stands = before !== undefined && before.until > now ? before : undefined
    const kept = new Set([...claim.kept].filter(key => stands !== undefined && covers(stands, key)))
    this.#promises.set(node, { ...claim, kept, until: now + PROMISE_MS })
    const except = [...this.#promises.values()].filter(each => each.node !== node && each.until > now)
    return { ...claim, kept, except, until: now + LEASE_MS, token: String(++this.#term) }
  }
}

class Member implements Right {
  version = 0
  moves = 0
  readonly #node: NodeId
  readonly #arbiter: Arbiter
  #claim: Claim | undefined
  #kept: readonly string[] | undefined
  #grant: Granted | undefined
  #askedAt = 0
  #now = 0

  constructor(node: NodeId, arbiter: Arbiter) {
    this.#node = node
    this.#arbiter = arbiter
  }

  claims(ring: Ring | undefined, kept: readonly string[], now: number): void {
    this.#now = now
    if (ring === undefined) return
    const changed = ring !== this.#claim?.ring || kept !== this.#kept
    const again = this.#grant?.except.length ? RENEW_MS / 4 : RENEW_MS
    if (!changed && now < this.#askedAt + again) return
    this.#askedAt = now
    this.#kept = kept
    this.#claim = { node: this.#node, ring, kept: new Set(kept) }
    this.#grant = this.#arbiter.ask(this.#claim, now) ?? this.#grant
    this.version++
    this.moves++
  }

  leaveFor(key: string): Leave | undefined {
    const grant = this.#grant
    const claim = this.#claim
    if (grant === undefined || claim === undefined || grant.until <= this.#now) return undefined
    if (!covers(claim, key) || !covers(grant, key)) return undefined
    // A promise that this grant met as an exception may stand, in the rings of others, for any key of theirs.
    if (grant.except.some(each => covers(each, key))) return undefined
    return { until: instantOf(grant.until), token: { value: grant.token, safe: true } }
  }
}

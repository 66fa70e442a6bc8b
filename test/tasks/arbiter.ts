import type { NodeId } from '../../src/base/ids.ts'
import { instantOf } from '../../src/base/time.ts'
import type { Ring } from '../../src/ring/ring.ts'
import type { Leave, Right } from '../../src/tasks/right.ts'

const LEASE_MS = 2_000
const PROMISE_MS = 2_500
const RENEW_MS = 250
/** Whoever met an exception, or was refused, asks again after this. */
const AGAIN_MS = 60

/** The keys that a node claims: those its ring gives it, and the kept ones. */
interface Claim {
  readonly node: NodeId
  readonly ring: Ring
  readonly kept: ReadonlySet<string>
}

interface Promised {
  /** It covers a key when each of these does. */
  readonly claims: readonly Claim[]
  readonly until: number
}

interface Granted {
  readonly claim: Claim
  readonly until: number
  readonly exceptions: readonly ((key: string) => boolean)[]
  readonly token: string
}

const claimed = ({ node, ring, kept }: Claim, key: string): boolean =>
  ring.owner(key) === node || kept.has(key)

const promised = ({ claims }: Promised, key: string): boolean => claims.every(claim => claimed(claim, key))

/**
 * A single voter that everybody reaches at once unless it is cut off. It follows the rules of leases, promises, exceptions
 * and keeps, with no quorum, so that tests of the tasks see handoffs as the real thing makes them.
 */
export class Arbiter {
  /** Nodes that do not reach it. */
  readonly cut = new Set<string>()
  /** Its own. */
  ring: Ring | undefined
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

  /** A request under another ring only narrows what was promised. */
  ask(claim: Claim, now: number): Granted | undefined {
    const { node } = claim
    if (this.cut.has(node)) return undefined
    const found = this.#promises.get(node)
    const before = found !== undefined && found.until > now ? found : undefined
    if (claim.ring !== this.ring) {
      if (before) this.#promises.set(node, { ...before, claims: [...before.claims, claim] })
      return undefined
    }
    const kept = new Set([...claim.kept].filter(key => before !== undefined && promised(before, key)))
    const granted = { ...claim, kept }
    this.#promises.set(node, { claims: [granted], until: now + PROMISE_MS })
    const exceptions = this.#exceptions(node, now)
    return { claim: granted, exceptions, until: now + LEASE_MS, token: String(++this.#term) }
  }

  /** Promises to others under other rings, and what others keep. */
  #exceptions(node: NodeId, now: number): ((key: string) => boolean)[] {
    const others = [...this.#promises].filter(([other, { until }]) => other !== node && until > now)
    return others.flatMap(([, promise]) => {
      if (promise.claims.some(({ ring }) => ring !== this.ring)) return [key => promised(promise, key)]
      const kept = promise.claims.flatMap(claim => [...claim.kept])
      return kept.length > 0 ? [key => kept.includes(key)] : []
    })
  }
}

class Member implements Right {
  version = 0
  moves = 0
  readonly #node: NodeId
  readonly #arbiter: Arbiter
  /** What was claimed since the grant was asked for, and with it. */
  #sent: readonly Claim[] = []
  #kept: readonly string[] | undefined
  #grant: Granted | undefined
  #askAt = 0
  #now = 0

  constructor(node: NodeId, arbiter: Arbiter) {
    this.#node = node
    this.#arbiter = arbiter
  }

  claims(ring: Ring | undefined, kept: readonly string[], now: number): void {
    this.#now = now
    if (ring === undefined) return
    const changed = ring !== this.#sent.at(-1)?.ring || kept !== this.#kept
    if (!changed && now < this.#askAt) return
    this.#kept = kept
    const claim = { node: this.#node, ring, kept: new Set(kept) }
    const grant = this.#arbiter.ask(claim, now)
    this.#sent = grant === undefined ? [...this.#sent, claim] : [claim]
    this.#askAt = now + (grant === undefined || grant.exceptions.length > 0 ? AGAIN_MS : RENEW_MS)
    this.#grant = grant ?? this.#grant
    this.version++
    this.moves++
  }

  leaveFor(key: string): Leave | undefined {
    const grant = this.#grant
    if (grant === undefined || grant.until <= this.#now || !claimed(grant.claim, key)) return undefined
    if (!this.#sent.every(claim => claimed(claim, key))) return undefined
    if (grant.exceptions.some(excepts => excepts(key))) return undefined
    return { until: instantOf(grant.until), token: { value: grant.token, safe: true } }
  }
}

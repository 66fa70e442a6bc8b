/**
 * Dials: a text to a link. The time limit covers everything: name, connection, handshake and link stream; for "the port
 * is open" is not "the peer answers". A dial never rejects, because every way it can end is something the core must weigh.
 *
 * It goes straight to libp2p's TCP transport and not through its dial queue. The queue returns an open connection where
 * a new one was asked for, joins a dial to one that is under way, and wraps the error that we need as evidence.
 */
import type { Connection } from '@libp2p/interface'
import { asPeerId, type PeerId } from '../../base/ids.ts'
import type { DialResult } from '../../node/machine.ts'
import { formatHostPort, parseTarget, toMultiaddr } from './addresses.ts'
import type { Counters } from './counters.ts'
import { type DialFailure, explainFailure, failure, worstFailure } from './dial-failure.ts'
import type { Host } from './host.ts'
import { CANDIDATE_MS_MIN } from './limits.ts'
import type { Link } from './link.ts'
import type { Links } from './links.ts'
import type { Candidate, Names } from './names.ts'
import type { Wire } from './wire.ts'

export interface DialOrder {
  readonly address: string
  readonly peer?: PeerId | undefined
  readonly forceNew: boolean
  /** Places behind the name that are not tried, `host:port`. */
  readonly besides?: readonly string[] | undefined
  readonly timeoutMs: number
}

export interface DiallerInit {
  readonly host: Host
  readonly links: Links
  readonly names: Names
  readonly counters: Counters
  readonly allowPeers: ReadonlySet<string>
  readonly hasClusterKey: boolean
}

export class Dialler {
  readonly #init: DiallerInit
  readonly #underWay = new Set<AbortController>()
  #stopped = false

  constructor(init: DiallerInit) {
    this.#init = init
  }

  /** Never rejects. */
  async dial(order: DialOrder): Promise<DialResult> {
    const result = await this.#dial(order)
    this.#init.counters.add('transport_dials_total', { result: result.ok ? 'ok' : result.reason })
    return result
  }

  /** Ends all dials; later ones fail at once. */
  stop(): void {
    this.#stopped = true
    for (const controller of this.#underWay) controller.abort()
  }

  async #dial(order: DialOrder): Promise<DialResult> {
    if (this.#stopped) return failure('failed', 'this node is stopping')
    const target = parseTarget(order.address)
    if (target.kind === 'invalid') return failure('unresolvable', target.detail)
    const named = target.kind === 'host' ? target.peer : undefined
    const peer = order.peer ?? (named === undefined ? undefined : asPeerId(named))
    const forbidden = this.#forbidden(peer, named)
    if (forbidden !== undefined) return forbidden
    const open = order.forceNew ? undefined : this.#init.links.find({ address: order.address, peer })
    if (open !== undefined) return { ok: true, peer: open.peer, link: open.id }

    return await this.#within(order.timeoutMs, async limit => {
      const resolved = await Promise.race([this.#init.names.resolve(target), limit.over])
      if (resolved === 'over')
        return failure('timeout', 'expected an address, got no answer from the name service')
      if (!resolved.ok) return failure('unresolvable', resolved.detail)
      const { candidates } = resolved
      const others = candidates.filter(place => !this.#isKnown(place, order))
      if (others.length === 0) return failure('self', 'it leads to no other place')
      const result = await this.#try(others, { ...order, peer }, limit)
      return result.ok && candidates.length > 1 ? { ...result, several: true } : result
    })
  }

  /** Also where a link leads that was dialled: whoever lives there may announce itself by another name. */
  #isKnown({ host, port }: Candidate, { besides }: DialOrder): boolean {
    if (besides === undefined) return false
    return besides.includes(formatHostPort(host, port)) || this.#init.links.reaches(host, port)
  }

  #forbidden(peer: PeerId | undefined, named: string | undefined): DialFailure | undefined {
    if (peer === undefined) return undefined
    if (named !== undefined && named !== peer) {
      return failure('failed', `expected peer ${peer}, got an address that names ${named}`)
    }
    if (peer === this.#init.host.node.peerId.toString())
      return failure('self', 'the peer is this node itself')
    const { allowPeers } = this.#init
    if (allowPeers.size === 0 || allowPeers.has(peer)) return undefined
    return failure('failed', `expected a peer on the allow list, got ${peer}`)
  }

  /** One address after the other, each with its share of the time that is left; a name may lead to this node itself. */
  async #try(candidates: readonly Candidate[], order: DialOrder, limit: Limit): Promise<DialResult> {
    const failures: DialFailure[] = []
    for (const [index, candidate] of candidates.entries()) {
      const share = Math.max(CANDIDATE_MS_MIN, limit.leftMs() / (candidates.length - index))
      const result = await this.#attempt(candidate, order, Math.min(share, limit.leftMs()), limit)
      if (result.ok) return result
      failures.push(describeAt(candidate, result))
      if (limit.isOver()) break
    }
    return worstFailure(failures)
  }

  async #attempt(place: Candidate, order: DialOrder, timeoutMs: number, outer: Limit): Promise<DialResult> {
    return await this.#within(timeoutMs, async limit => {
      outer.onOver(limit.end)
      const progress: Progress = { wire: undefined, connection: undefined }
      try {
        const link = await Promise.race([this.#connect(place, order, limit, progress), limit.over])
        if (link !== 'over') return { ok: true, peer: link.peer, link: link.id }
        return this.#explain(new Error('time is up'), progress, limit)
      } catch (error) {
        return error instanceof WrongPeer
          ? failure('failed', error.message)
          : this.#explain(error, progress, limit)
      }
    })
  }

  async #connect(place: Candidate, order: DialOrder, limit: Limit, progress: Progress): Promise<Link> {
    const connection = await this.#init.host.connect(toMultiaddr(place.host, place.port), {
      signal: limit.signal,
      onWire: wire => {
        progress.wire = wire
      },
    })
    progress.connection = connection
    try {
      limit.signal.throwIfAborted()
      const found = connection.remotePeer.toString()
      if (order.peer !== undefined && found !== order.peer) throw new WrongPeer(order.peer, found)
      return await this.#init.links.open(connection, order.address, limit.signal)
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  #explain(error: unknown, { wire, connection }: Progress, limit: Limit): DialFailure {
    const { hasClusterKey } = this.#init
    return explainFailure(error, {
      wire,
      secured: connection !== undefined,
      timedOut: limit.isOver(),
      hasClusterKey,
    })
  }

  /**
   * Trap: a signal given to a TCP dial destroys the socket whenever it fires, long after the dial was done. So the signal
   * is our own and never fires once `work` is over.
   */
  async #within<T>(timeoutMs: number, work: (limit: Limit) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    const deadline = performance.now() + timeoutMs
    const timer = setTimeout(() => controller.abort(), timeoutMs)
    const over = new Promise<'over'>(resolve => {
      controller.signal.addEventListener('abort', () => resolve('over'), { once: true })
    })
    this.#underWay.add(controller)
    try {
      return await work({
        signal: controller.signal,
        over,
        end: () => controller.abort(),
        onOver: tell => controller.signal.addEventListener('abort', tell, { once: true }),
        leftMs: () => Math.max(0, deadline - performance.now()),
        isOver: () => controller.signal.aborted,
      })
    } finally {
      clearTimeout(timer)
      this.#underWay.delete(controller)
    }
  }
}

interface Limit {
  readonly signal: AbortSignal
  readonly over: Promise<'over'>
  readonly end: () => void
  readonly onOver: (tell: () => void) => void
  readonly leftMs: () => number
  readonly isOver: () => boolean
}

interface Progress {
  wire: Wire | undefined
  connection: Connection | undefined
}

class WrongPeer extends Error {
  constructor(expected: string, found: string) {
    super(`expected peer ${expected}, got ${found}: the address belongs to somebody else now`)
  }
}

function describeAt(place: Candidate, { reason, detail }: DialFailure): DialFailure {
  return failure(reason, `${formatHostPort(place.host, place.port)}: ${detail}`)
}

/**
 * What this node hears of one peer: its links, when each last spoke, how long an answer takes, how long silence is
 * usual. Contact is any frame from the peer on any connection; what others say of it is kept apart.
 */
import type { LinkId, NodeId, PeerId } from '../base/ids.ts'
import { elapsedMs, type Instant } from '../base/time.ts'
import type { Born } from './life.ts'

/** Pings without an answer remembered per link; older ones are of no use for a round trip time. */
const PINGS_OPEN_MAX = 16
/** Worst gaps are kept in buckets of this length, and forgotten after six of them. */
const GAP_BUCKET_MS = 10_000
const GAP_BUCKETS = 6
/** A round trip time is measured at least once in so many probe intervals. */
const ROUND_TRIPS_PROBES = 8
/** A process that just started compiles itself and is slow: its first seconds, in ms, say nothing of its rhythm. */
const WARM_UP_MS = 10_000

export interface Link {
  readonly id: LinkId
  readonly openedAt: Instant
  /** The address this side dialled, when it did. */
  readonly dialled: string | undefined
  lastHeard: Instant
  /** True once a valid hello came: before that the peer is nobody. */
  greeted: boolean
  /** The name in its hello, and which process speaks on it, when that said so. */
  name: NodeId | undefined
  life: Born | undefined
  /** This node has asked for its end; what still comes on it is not listened to. */
  closing: boolean
  readonly pings: Map<number, Instant>
}

export class Contact {
  readonly peer: PeerId
  readonly links = new Map<LinkId, Link>()
  /** Last frame on any connection, moved forward by this node's own standstills. */
  lastHeard: Instant | undefined
  /** The same, as it was: what may be told to others. */
  trulyHeard: Instant | undefined
  srttMs: number | undefined
  rttvarMs = 0
  nextProbeAt: Instant
  /** When the peer last probed this node. */
  pingedAt: Instant | undefined
  /** When it last sent what it sends in a rhythm of its own: a vector, a renewal of its leave to act. */
  spokenAt: Instant | undefined
  /** When this node last sent it a summary. */
  summarisedAt: Instant | undefined
  /** Since when its view has been another than this node's. */
  differsSince: Instant | undefined
  /** Since when nobody needs this node's links to it. */
  surplusSince: Instant | undefined
  #ackedAt: Instant | undefined
  /** The process that said hello last, by its number, and since when it speaks here: before, it was another one with this key. */
  speaker: { readonly nonce: number; readonly since: Instant } | undefined
  /** The remote end closed its last link then; evidence `refused` needs it. */
  remoteClosedAt: Instant | undefined
  /** Addresses that have refused since then. */
  readonly refusedAddresses = new Set<string>()
  /** The number of the dial under way. */
  dialling: number | undefined
  nextDialAt: Instant
  dialBackoffMs = 0
  /** Where it last answered. */
  goodAddress: string | undefined
  #sequence = 0
  #aliveSince: Instant | undefined
  #gaps: { readonly from: Instant; worstMs: number }[] = []

  constructor(peer: PeerId, firstProbeAt: Instant, now: Instant) {
    this.peer = peer
    this.nextProbeAt = firstProbeAt
    this.nextDialAt = now
  }

  opened(id: LinkId, dialled: string | undefined, now: Instant): Link {
    const link: Link = {
      id,
      openedAt: now,
      dialled,
      lastHeard: now,
      greeted: false,
      name: undefined,
      life: undefined,
      closing: false,
      pings: new Map(),
    }
    this.links.set(id, link)
    if (dialled !== undefined) this.goodAddress = dialled
    this.dialBackoffMs = 0
    this.nextDialAt = now
    this.remoteClosedAt = undefined
    return link
  }

  /** A frame came on this link (or directly by gossip, without one). */
  heard(link: Link | undefined, now: Instant): void {
    this.#aliveSince ??= now
    const warm = elapsedMs(this.#aliveSince, now) >= WARM_UP_MS
    if (warm && this.lastHeard !== undefined) this.#noteGap(elapsedMs(this.lastHeard, now), now)
    this.lastHeard = now
    this.trulyHeard = now
    if (link !== undefined) link.lastHeard = now
  }

  /** A hello was taken; older versions do not say which process they are. */
  greeted(link: Link, name: NodeId, life: Born | undefined, now: Instant): void {
    link.greeted = true
    link.name = name
    link.life = life
    if (life !== undefined && life.nonce !== this.speaker?.nonce)
      this.speaker = { nonce: life.nonce, since: now }
  }

  /** Does another process speak with this key too, so that this link's process going says nothing of the name? */
  outlives(link: Link): boolean {
    const { life } = link
    if (life === undefined) return false
    return [...this.links.values()].some(
      other => other.greeted && !other.closing && other.life !== undefined && other.life.nonce !== life.nonce,
    )
  }

  /** Starts a ping on a link; the number goes into the frame. */
  ping(link: Link, now: Instant): number {
    const seq = ++this.#sequence
    link.pings.set(seq, now)
    if (link.pings.size > PINGS_OPEN_MAX) {
      const oldest = link.pings.keys().next()
      if (!oldest.done) link.pings.delete(oldest.value)
    }
    return seq
  }

  /** The answer came: smoothed round trip time and its variation as in RFC 6298. */
  acked(link: Link, seq: number, now: Instant): void {
    const sentAt = link.pings.get(seq)
    if (sentAt === undefined) return
    link.pings.delete(seq)
    this.#ackedAt = now
    const rtt = elapsedMs(sentAt, now)
    if (this.srttMs === undefined) {
      this.srttMs = rtt
      this.rttvarMs = rtt / 2
    } else {
      this.rttvarMs = 0.75 * this.rttvarMs + 0.25 * Math.abs(this.srttMs - rtt)
      this.srttMs = 0.875 * this.srttMs + 0.125 * rtt
    }
  }

  /**
   * Does the peer probe this node often enough for both? One ping and its answer are contact for either end, so two nodes
   * need not both probe; only the round trip time is this node's own to measure, now and then.
   */
  probesUs(probeIntervalMs: number, now: Instant): boolean {
    return this.links.size === 1 && this.speaks(probeIntervalMs, now)
  }

  /** The same, whatever the number of links: one of them is heard. */
  speaks(probeIntervalMs: number, now: Instant): boolean {
    const pinged = this.pingedAt !== undefined && elapsedMs(this.pingedAt, now) < 0.9 * probeIntervalMs
    // What comes by itself goes on coming, so unlike a ping it may be as late as the next probe.
    const spoken = this.spokenAt !== undefined && elapsedMs(this.spokenAt, now) < 1.5 * probeIntervalMs
    return (pinged || spoken) && !this.lacksRoundTrip(probeIntervalMs, now)
  }

  /** Has no round trip time been measured for a while? */
  lacksRoundTrip(probeIntervalMs: number, now: Instant): boolean {
    return (
      this.#ackedAt === undefined || elapsedMs(this.#ackedAt, now) >= ROUND_TRIPS_PROBES * probeIntervalMs
    )
  }

  /** Is there a link, and did this side dial all of them? */
  get dialledByUs(): boolean {
    return this.links.size > 0 && [...this.links.values()].every(link => link.dialled !== undefined)
  }

  /** The link to speak on: the one that was heard last. What is said on one that is being closed is lost. */
  best(): Link | undefined {
    let best: Link | undefined
    for (const link of this.links.values()) {
      if (!link.greeted || link.closing) continue
      if (best === undefined || link.lastHeard >= best.lastHeard) best = link
    }
    return best
  }

  /** The longest silence between two frames within the last minute, in ms. */
  worstGapMs(now: Instant): number {
    let worst = 0
    for (const bucket of this.#gaps) {
      if (elapsedMs(bucket.from, now) <= GAP_BUCKETS * GAP_BUCKET_MS) worst = Math.max(worst, bucket.worstMs)
    }
    return worst
  }

  /** This node stood still for `lateMs`: its own silence is not the peer's. */
  shift(lateMs: number): void {
    if (this.lastHeard !== undefined) this.lastHeard = (this.lastHeard + lateMs) as Instant
    for (const link of this.links.values()) {
      link.lastHeard = (link.lastHeard + lateMs) as Instant
      link.pings.clear()
    }
  }

  /** A new life of the peer: what was learned about the old one's rhythm and place does not count. */
  startAnew(dialled: string | undefined): void {
    this.goodAddress = dialled
    this.#gaps = []
    this.#aliveSince = undefined
    this.srttMs = undefined
    this.rttvarMs = 0
  }

  #noteGap(gapMs: number, now: Instant): void {
    const newest = this.#gaps.at(-1)
    if (newest !== undefined && elapsedMs(newest.from, now) < GAP_BUCKET_MS) {
      newest.worstMs = Math.max(newest.worstMs, gapMs)
      return
    }
    this.#gaps.push({ from: now, worstMs: gapMs })
    if (this.#gaps.length > GAP_BUCKETS + 1) this.#gaps.shift()
  }
}

/** All contacts, by peer. */
export class Contacts {
  readonly #byPeer = new Map<PeerId, Contact>()
  readonly #stagger: () => number

  /** @param stagger draws the delay of a contact's first probe, in ms, so that probes do not march in step */
  constructor(stagger: () => number) {
    this.#stagger = stagger
  }

  get(peer: PeerId): Contact | undefined {
    return this.#byPeer.get(peer)
  }

  of(peer: PeerId, now: Instant): Contact {
    let contact = this.#byPeer.get(peer)
    if (contact === undefined) {
      contact = new Contact(peer, (now + this.#stagger()) as Instant, now)
      this.#byPeer.set(peer, contact)
    }
    return contact
  }

  all(): IterableIterator<Contact> {
    return this.#byPeer.values()
  }

  count(counts: (peer: PeerId) => boolean): number {
    let number = 0
    for (const peer of this.#byPeer.keys()) if (counts(peer)) number++
    return number
  }

  delete(peer: PeerId): void {
    this.#byPeer.delete(peer)
  }
}

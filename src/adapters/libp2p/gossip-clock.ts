/**
 * gossipsub on a wall clock that is set back.
 *
 * What it has heard it forgets after two minutes, by the wall clock, and from the oldest on: it stops at the first that
 * is not over. Set back by a day, the clock makes a day of these minutes, in which every message stays, some 650 bytes of
 * it, up to a gigabyte; a peer that was just pruned is kept out of the mesh for as long, and its heartbeat, which counts
 * from its start, comes every other second. So whatever ends later than it would if it began now ends as if it did.
 *
 * Not taken: to clear what it has heard. What comes once more would be new, and passed on. Nor is the step of the clock
 * itself looked for: what it leaves behind is there to be seen, however the clock got there.
 */
import { assert } from '../../base/assert.ts'
import type { GossipRouter } from './gossip-router.ts'

/** How long gossipsub remembers who brought a message, in ms: `TimeCacheDuration` of the pinned version. */
const DELIVERY_MS = 120_000

interface TimeCache {
  readonly validityMs: number
  readonly entries: ReadonlyMap<unknown, { validUntilMs: number }>
}

/** Oldest first. */
interface Deliveries {
  peekFront(): { expire: number } | undefined
  toArray(): { expire: number }[]
}

/** What gossipsub counts by the wall clock. Public at run time in the pinned version, not all of it in its types. */
interface Clocked {
  readonly seenCache: TimeCache
  readonly fastMsgIdCache: TimeCache
  readonly publishedMessageIds: TimeCache
  readonly score: { readonly deliveryRecords: { readonly queue: Deliveries } }
  /** By topic and peer. */
  readonly backoff: ReadonlyMap<string, Map<string, number>>
  readonly opts: { readonly pruneBackoff: number }
  /** `hearbeatStartMs` once it has started; spelled so. */
  readonly status: { hearbeatStartMs?: number }
}

/**
 * To be called once a second. Cheap while the clock goes forward.
 *
 * Stops the process when a new version has moved what is looked at here.
 */
export function keepTimeOf(router: GossipRouter): () => void {
  const clocked = router as unknown as Clocked
  const caches = [clocked.seenCache, clocked.fastMsgIdCache, clocked.publishedMessageIds]
  for (const cache of caches) {
    assert(cache.entries instanceof Map && cache.validityMs > 0, 'gossipsub keeps what it has heard in maps')
  }
  const { queue } = clocked.score.deliveryRecords
  assert(typeof queue.peekFront === 'function', 'gossipsub keeps who brought a message in a queue')
  assert(
    clocked.backoff instanceof Map && clocked.opts.pruneBackoff > 0,
    'gossipsub keeps the pruned in a map',
  )
  return () => {
    const now = Date.now()
    for (const cache of caches) keepCache(cache, now)
    keepDeliveries(queue, now + DELIVERY_MS)
    keepBackoff(clocked, now)
    const { status } = clocked
    if ((status.hearbeatStartMs ?? 0) > now) status.hearbeatStartMs = now
  }
}

/** The oldest is enough to look at: while it is in order it goes in its time, and the next one is the oldest. */
function keepCache({ entries, validityMs }: TimeCache, now: number): void {
  const latest = now + validityMs
  const [oldest] = entries.values()
  if (oldest === undefined || oldest.validUntilMs <= latest) return
  for (const entry of entries.values()) entry.validUntilMs = Math.min(entry.validUntilMs, latest)
}

function keepDeliveries(queue: Deliveries, latest: number): void {
  const oldest = queue.peekFront()
  if (oldest === undefined || oldest.expire <= latest) return
  for (const entry of queue.toArray()) entry.expire = Math.min(entry.expire, latest)
}

function keepBackoff({ backoff, opts }: Clocked, now: number): void {
  const latest = now + opts.pruneBackoff
  for (const peers of backoff.values()) {
    for (const [peer, until] of peers) if (until > latest) peers.set(peer, latest)
  }
}

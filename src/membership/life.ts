/**
 * Which of two processes that bear one name stands aside?
 *
 * A key names a node, not a process: a copied data directory, or a predecessor that still drains, has the key of its
 * successor. So every process draws a number at its start and says how long it has run; ages need no common clock.
 *
 * With one key the younger wins: it is the restart, the older one is its past or its copy. With two keys whoever has
 * held the name for a while wins over a newcomer; of two newcomers the older; and of two that both have held it (halves
 * of a network that met again) the younger, because it took over what the older one had lost.
 *
 * In quorum mode a quorum of voters knows one bearer and not the other: whoever has its lease keeps the name.
 *
 * Incarnations cannot decide it: they come from wall clocks, and two live bearers would outbid each other for ever.
 */
import type { PeerId } from '../base/ids.ts'
import { after, elapsedMs, type Instant } from '../base/time.ts'
import type { Holder, Life } from './messages.ts'

/** One process, by its number and the time of its start on this node's clock. */
export interface Born {
  readonly nonce: number
  readonly at: Instant
}

/** Starts nearer to each other than this, in ms, are told apart by number: frames take time. */
const TIE_MS = 250
/** Whoever has been accepted under a name for this long, in ms, is no newcomer. */
const ESTABLISHED_MS = 10_000

export const bornOf = (life: Life, now: Instant): Born => ({ nonce: life.nonce, at: after(now, -life.ageMs) })

export const lifeOf = (born: Born, now: Instant): Life => ({
  nonce: born.nonce,
  ageMs: Math.max(0, Math.round(elapsedMs(born.at, now))),
})

export function isYounger(one: Born, other: Born): boolean {
  const apart = elapsedMs(other.at, one.at)
  return Math.abs(apart) < TIE_MS ? one.nonce > other.nonce : apart > 0
}

interface Bearer {
  readonly born: Born
  readonly peerId: PeerId
  readonly heldMs: number
  /** Undefined in available mode. */
  readonly lease?: boolean | undefined
}

/** Asked by a node that was refused because `holder` bears its name. */
export function standsAside(own: Bearer, holder: Holder | undefined, now: Instant): boolean {
  const established = own.heldMs >= ESTABLISHED_MS
  if (holder === undefined) return !established
  const younger = isYounger(own.born, bornOf(holder, now))
  if (holder.peerId === own.peerId) return !younger
  const heldLong = holder.heldMs >= ESTABLISHED_MS
  if (own.lease === true) return false
  if (established !== heldLong) return heldLong
  return established ? own.lease === false || !younger : younger
}

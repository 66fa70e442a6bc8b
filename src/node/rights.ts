/**
 * When this node had the right to act for a key, and under which token.
 *
 * Nobody watches keys. Whenever what decides for all of them changes (grants, the promises to others that they name,
 * terms, voters, the rings that are known), it is kept as it was from then on. When somebody asks, the rule that decides
 * who acts is asked again with what stood then, so it cannot say otherwise than it did.
 */
import type { NodeId } from '../base/ids.ts'
import { elapsedMs, type Instant, type Now, type WallMs, wallOf } from '../base/time.ts'
import type { Grants } from '../grants/grants.ts'
import { type Basis, groundsOf, isSameBasis, leaveBy, namedBy } from '../grants/leave.ts'
import { tokenOf } from '../grants/token.ts'
import type { Ring } from '../ring/ring.ts'
import type { Metric, RightPeriod } from './status.ts'

/** Changes kept at most. A key that moves makes some ten; asked for a key, a thousand take a few milliseconds. */
export const RIGHTS_MAX = 1_024
/** Of all of them together, a hundred for each condition: 16 MB. Keys that drain are named one by one. */
export const RIGHTS_CHARACTERS_MAX = 16_000_000
/** Of all rings that they name: 6 bytes each, 24 MB; mostly these are the rings of the history. */
export const RIGHTS_TOKENS_MAX = 4_000_000

/** What is read of the grants. */
export type RightSource = Pick<Grants, 'leaseUntil' | 'turns' | 'holdings' | 'basis' | 'ring'>

/** From then on the right stood so. */
interface Turn {
  readonly at: Now
  /** With the grants as they were last, since they are renewed without a turn. */
  basis: Basis
  /** Rings that it names and that were known. */
  readonly known: readonly string[]
  readonly characters: number
}

interface Pooled {
  readonly ring: Ring
  readonly tokens: number
  /** Turns that know it. */
  users: number
}

export class Rights {
  readonly #self: NodeId
  readonly #tokensOf: (ring: Ring) => number
  /** Oldest first. */
  readonly #turns: Turn[] = []
  readonly #rings = new Map<string, Pooled>()
  #seen: number | undefined
  #since: WallMs
  #characters = 0
  #tokens = 0

  constructor(self: NodeId, tokensOf: (ring: Ring) => number, now: Now) {
    this.#self = self
    this.#tokensOf = tokensOf
    this.#since = now.wall
  }

  /** Nothing that was before is known here. */
  get since(): WallMs {
    return this.#since
  }

  /** To be told after every step. */
  see(right: RightSource, now: Now): void {
    const last = this.#turns.at(-1)
    if (last !== undefined && right.turns === this.#seen) {
      if (last.basis.holdings !== right.holdings) last.basis = { ...last.basis, holdings: right.holdings }
      return
    }
    this.#seen = right.turns
    const { basis } = right
    const { rings, characters } = namedBy(basis)
    const known = [...rings].filter(checksum => right.ring(checksum) !== undefined).sort()
    if (last !== undefined && isSameBasis(last.basis, basis) && isSameList(last.known, known)) {
      last.basis = basis
      return
    }
    // What stood for no time at all was never acted on.
    if (last?.at.mono === now.mono) this.#forget(this.#turns.pop())
    this.#keep({ at: now, basis, known, characters }, right)
  }

  /** Newest first. */
  of(key: string): RightPeriod[] {
    const found: RightPeriod[] = []
    const ownerOf = this.#ownersOf(key)
    for (const [i, { at, basis, known }] of this.#turns.entries()) {
      const rings = { get: (checksum: string) => (known.includes(checksum) ? ownerOf(checksum) : undefined) }
      const leave = leaveBy(groundsOf(basis, this.#self, rings), key)
      if (leave === undefined) continue
      const next = this.#turns[i + 1]
      const until = next && endOf(leave.until, next.at)
      const token = tokenOf(leave.term)
      const last = found.at(-1)
      const goesOn = last?.until === at.wall && last.token === token
      if (goesOn) found.pop()
      const from = goesOn ? last.from : at.wall
      found.push({ from, ...(until === undefined ? {} : { until }), token })
    }
    return found.reverse()
  }

  metrics(): Metric[] {
    const gauge = (name: string, help: string, value: number): Metric => ({
      name: `history_rights${name}`,
      help,
      type: 'gauge',
      samples: [{ value }],
    })
    return [
      gauge('', 'Changes of the right to act kept to explain who acted for a key when.', this.#turns.length),
      gauge('_characters', 'What they take, in characters; a hundred for each condition.', this.#characters),
      gauge('_tokens', 'Tokens of the rings that they name.', this.#tokens),
    ]
  }

  #keep(turn: Turn, right: RightSource): void {
    this.#turns.push(turn)
    this.#characters += turn.characters
    for (const checksum of turn.known) this.#use(checksum, right)
    // The newest always stays: the node goes by it anyway.
    while (this.#turns.length > 1 && this.#isFull()) {
      this.#forget(this.#turns.shift())
      this.#since = this.#turns[0]?.at.wall ?? this.#since
    }
  }

  #isFull(): boolean {
    const tooMany = this.#turns.length > RIGHTS_MAX
    return tooMany || this.#characters > RIGHTS_CHARACTERS_MAX || this.#tokens > RIGHTS_TOKENS_MAX
  }

  #use(checksum: string, right: RightSource): void {
    const pooled = this.#rings.get(checksum)
    const ring = pooled?.ring ?? right.ring(checksum)
    if (ring === undefined) return
    const { tokens, users } = pooled ?? { tokens: this.#tokensOf(ring), users: 0 }
    if (users === 0) this.#tokens += tokens
    this.#rings.set(checksum, { ring, tokens, users: users + 1 })
  }

  #forget(turn: Turn | undefined): void {
    if (turn === undefined) return
    this.#characters -= turn.characters
    for (const checksum of turn.known) {
      const pooled = this.#rings.get(checksum)
      if (pooled === undefined) continue
      pooled.users--
      if (pooled.users > 0) continue
      this.#rings.delete(checksum)
      this.#tokens -= pooled.tokens
    }
  }

  /** The rings as far as one key goes, whose place on each is looked up once. */
  #ownersOf(key: string): (checksum: string) => OfOneKey | undefined {
    const found = new Map<string, OfOneKey>()
    return checksum => {
      const known = found.get(checksum)
      if (known !== undefined) return known
      const ring = this.#rings.get(checksum)?.ring
      if (ring === undefined) return undefined
      const owner = ring.owner(key)
      const made = { owner: () => owner }
      found.set(checksum, made)
      return made
    }
  }
}

type OfOneKey = Pick<Ring, 'owner'>

/** A right that ran out while this node stood still had ended before it noticed. */
function endOf(until: Instant, { mono, wall }: Now): WallMs {
  return wallOf(wall - Math.max(0, elapsedMs(until, mono)))
}

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each, i) => each === b[i])

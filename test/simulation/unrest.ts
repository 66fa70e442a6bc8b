/**
 * Order that a network does not keep. Two nodes may have two connections: what goes by the older one, which is slow, keeps
 * its order there and comes behind what was sent later by the other. Gossip comes by way of others, late, and again when
 * whoever remembers what it has seen has forgotten it.
 */
import { Random } from '../../src/base/random.ts'
import type { LinkMessage } from '../../src/node/machine.ts'
import { HOSTS_MAX } from './paths.ts'

/** A gossip message is handed up again so much later at most, in ms; and comes so late at most. */
const AGAIN_MS_MAX = 6_000
const LATE_MS_MAX = 2_000

/** Makes another generator than those of the world. */
const SEED = 0x04_4e57

/** These speak of the connection that they come by, or end it. */
const BOUND: ReadonlySet<LinkMessage['type']> = new Set([
  'hello',
  'refuse',
  'ping',
  'ack',
  'leave',
  'leave-ack',
  'sync',
])

export class Unrest {
  readonly #share = new Float64Array(HOSTS_MAX * HOSTS_MAX)
  readonly #lagMs = new Float64Array(HOSTS_MAX * HOSTS_MAX)
  readonly #random: Random
  #late = 0
  #again = 0

  /** @param seed of the world */
  constructor(seed: number) {
    this.#random = new Random(seed + SEED)
  }

  /** Of the frames in one direction this share, 0 to 1, goes by a connection that is so much slower. */
  cross(from: number, to: number, share: number, lagMs: number): void {
    this.#share[from * HOSTS_MAX + to] = share
    this.#lagMs[from * HOSTS_MAX + to] = lagMs
  }

  /** Shares, 0 to 1, of the gossip that comes late somewhere, and that comes again. */
  disturbGossip(late: number, again: number): void {
    this.#late = late
    this.#again = again
  }

  /** How much slower the connection is that this frame goes by, in ms; undefined: it goes by the usual one. */
  lagMs(from: number, to: number, { type }: LinkMessage): number | undefined {
    const share = this.#share[from * HOSTS_MAX + to] as number
    if (share === 0 || BOUND.has(type) || !this.#random.chance(share)) return undefined
    return this.#lagMs[from * HOSTS_MAX + to] as number
  }

  /** How much later than usual a copy of a message comes, in ms. */
  gossipLateMs(): number {
    return this.#late > 0 && this.#random.chance(this.#late) ? this.#random.between(0, LATE_MS_MAX) : 0
  }

  /** When, in ms from now, a message that was handed up is handed up again; undefined: never. */
  gossipAgainMs(): number | undefined {
    const again = this.#again > 0 && this.#random.chance(this.#again)
    return again ? this.#random.between(0, AGAIN_MS_MAX) : undefined
  }
}

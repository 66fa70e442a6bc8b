/**
 * What lies between two hosts: delay, loss and cuts, each for one direction of one pair. Stands for switches, cables,
 * security groups and `tc netem`; hosts that are powered off are cut from everybody.
 */
import type { Random } from '../../src/base/random.ts'

/** Hosts in one world at most; paths are kept in flat arrays. */
export const HOSTS_MAX = 256

/** TCP's least retransmission timeout on Linux: how long a lost segment stalls at least. */
export const RTO_MS = 200

/** A frame that went by a connection of its own comes so much later at most, in ms: longer than a lease lasts. */
const LATE_MS_MAX = 3_000

export class Paths {
  readonly #latency = new Float64Array(HOSTS_MAX * HOSTS_MAX)
  readonly #jitter = new Float64Array(HOSTS_MAX * HOSTS_MAX)
  readonly #loss = new Float64Array(HOSTS_MAX * HOSTS_MAX)
  readonly #late = new Float64Array(HOSTS_MAX * HOSTS_MAX)
  /** Since when packets vanish; infinity when they do not. */
  readonly #cutSince = new Float64Array(HOSTS_MAX * HOSTS_MAX).fill(Number.POSITIVE_INFINITY)
  readonly #off = new Uint8Array(HOSTS_MAX)
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  /** One-way delay `latencyMs` plus up to `jitterMs`, evenly spread. */
  setDelay(from: number, to: number, latencyMs: number, jitterMs: number): void {
    this.#latency[from * HOSTS_MAX + to] = latencyMs
    this.#jitter[from * HOSTS_MAX + to] = jitterMs
  }

  delayOf(from: number, to: number): { latencyMs: number; jitterMs: number } {
    const path = from * HOSTS_MAX + to
    return { latencyMs: this.#latency[path] as number, jitterMs: this.#jitter[path] as number }
  }

  /** Share of packets that vanish, 0 to 1. */
  setLoss(from: number, to: number, share: number): void {
    this.#loss[from * HOSTS_MAX + to] = share
  }

  /** Share of frames that come late by themselves, 0 to 1. */
  setLate(from: number, to: number, share: number): void {
    this.#late[from * HOSTS_MAX + to] = share
  }

  /** How much later than the others this frame comes, in ms; 0 for most. */
  lateMs(from: number, to: number): number {
    const share = this.#late[from * HOSTS_MAX + to] as number
    return share > 0 && this.#random.chance(share) ? this.#random.between(0, LATE_MS_MAX) : 0
  }

  setCut(from: number, to: number, cut: boolean, now: number): void {
    const path = from * HOSTS_MAX + to
    if (!cut) this.#cutSince[path] = Number.POSITIVE_INFINITY
    else if (this.#cutSince[path] === Number.POSITIVE_INFINITY) this.#cutSince[path] = now
  }

  setPower(host: number, on: boolean): void {
    this.#off[host] = on ? 0 : 1
  }

  powered(host: number): boolean {
    return this.#off[host] === 0
  }

  /** Does a packet sent now vanish for certain? */
  cut(from: number, to: number): boolean {
    return (
      this.#cutSince[from * HOSTS_MAX + to] !== Number.POSITIVE_INFINITY ||
      this.#off[from] === 1 ||
      this.#off[to] === 1
    )
  }

  /**
   * Does data of an open connection get no further? Also when only the way back is cut: without acknowledgements TCP
   * sends what its window holds, and from the first retransmission timeout on it repeats one segment and sends nothing
   * new. So a one-way cut silences both directions, the open one a little later.
   */
  stalled(from: number, to: number, now: number): boolean {
    return this.cut(from, to) || now > (this.#cutSince[to * HOSTS_MAX + from] as number) + RTO_MS
  }

  /** A fresh draw of the one-way delay. */
  delayMs(from: number, to: number): number {
    const path = from * HOSTS_MAX + to
    const jitter = this.#jitter[path] as number
    return (this.#latency[path] as number) + (jitter === 0 ? 0 : jitter * this.#random.next())
  }

  /** Is this packet one of those that vanish by chance? */
  lost(from: number, to: number): boolean {
    const share = this.#loss[from * HOSTS_MAX + to] as number
    return share > 0 && this.#random.chance(share)
  }
}

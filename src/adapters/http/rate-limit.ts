/** A token bucket for each remote address: so many requests a second, so many saved up. */
export class RateLimit {
  readonly #ratePerMs: number
  readonly #burst: number
  readonly #remotesMax: number
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  constructor(ratePerS: number, burst: number, remotesMax: number) {
    this.#ratePerMs = ratePerS / 1_000
    this.#burst = burst
    this.#remotesMax = remotesMax
  }

  /** Addresses remembered now. */
  get remotes(): number {
    return this.#buckets.size
  }

  /** May this address make one more request at this moment (any monotonic clock, in ms)? */
  take(remote: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(remote) ?? this.#open(remote, nowMs)
    bucket.tokens = Math.min(this.#burst, bucket.tokens + (nowMs - bucket.atMs) * this.#ratePerMs)
    bucket.atMs = nowMs
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  #open(remote: string, nowMs: number): { tokens: number; atMs: number } {
    if (this.#buckets.size >= this.#remotesMax) this.#forgetOne()
    const bucket = { tokens: this.#burst, atMs: nowMs }
    this.#buckets.set(remote, bucket)
    return bucket
  }

  /** The one that was silent longest. A scan, but only when a new address comes and the table is full. */
  #forgetOne(): void {
    let oldest: string | undefined
    let oldestMs = Number.POSITIVE_INFINITY
    for (const [remote, { atMs }] of this.#buckets) {
      if (atMs >= oldestMs) continue
      oldest = remote
      oldestMs = atMs
    }
    if (oldest !== undefined) this.#buckets.delete(oldest)
  }
}

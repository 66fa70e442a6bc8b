import type { Instant } from '../base/time.ts'
import type { Input, SingleInput } from '../node/machine.ts'
import { together, type Waiting } from '../node/together.ts'

/** Above this many waiting inputs heartbeats are dropped: the next one says the same. 1,000 members send 16 a second. */
export const HEARTBEATS_WAITING_MAX = 2_000
/** Above this many, anything that peers sent is dropped too: their protocols say it again. 8 MB of pings. */
export const PEER_INPUTS_WAITING_MAX = 20_000
/** The same above so many bytes of it, as it came: what eight links queue. In memory it is some three times as much. */
export const PEER_BYTES_WAITING_MAX = 64 * 1024 * 1024

interface Entry {
  readonly input: SingleInput
  readonly since: Instant
  readonly bytes: number
}

/** What waits for the core, in order. Bounded in what peers can put there; never drops what this process itself needs. */
export class InputQueue {
  /** Those taken leave a gap, or their frames would stay in memory with it. */
  #entries: (Entry | undefined)[] = []
  #head = 0
  /** What an operator ordered, which has a deadline: it waits behind nothing that peers send, be it seconds of that. */
  readonly #orders: SingleInput[] = []
  readonly #waiting: Waiting = {
    peek: () => this.#entries[this.#head]?.input,
    take: () => void this.shift(),
  }
  /** Of what peers sent and what waits, as it came. */
  bytes = 0
  heartbeatsDropped = 0
  peerInputsDropped = 0

  get length(): number {
    return this.#entries.length - this.#head + this.#orders.length
  }

  /** When the first of those that wait in order came; undefined: none does. */
  get since(): Instant | undefined {
    return this.#entries[this.#head]?.since
  }

  /**
   * False when the input was dropped.
   * @param bytes of what a peer sent
   */
  push(input: SingleInput, now: Instant, bytes = 0): boolean {
    if (input.kind === 'leave') {
      this.#orders.push(input)
      return true
    }
    const fromPeer = input.kind === 'gossip' || input.kind === 'frame'
    const isFull = this.length >= PEER_INPUTS_WAITING_MAX || this.bytes + bytes > PEER_BYTES_WAITING_MAX
    if (fromPeer && isFull) {
      this.peerInputsDropped++
      return false
    }
    const isHeartbeat = input.kind === 'gossip' && input.message.type === 'heartbeat'
    if (isHeartbeat && this.length >= HEARTBEATS_WAITING_MAX) {
      this.heartbeatsDropped++
      return false
    }
    this.#entries.push({ input, since: now, bytes })
    this.bytes += bytes
    return true
  }

  /** The next one, or the next ones that may be one step. */
  next(): Input | undefined {
    const order = this.#orders.shift()
    if (order !== undefined) return order
    const first = this.shift()
    return first && together(first, this.#waiting)
  }

  shift(): SingleInput | undefined {
    const entry = this.#entries[this.#head]
    if (entry === undefined) return undefined
    this.#entries[this.#head++] = undefined
    this.bytes -= entry.bytes
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
    return entry.input
  }
}

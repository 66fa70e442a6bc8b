import type { Instant } from '../base/time.ts'
import type { Input, SingleInput } from '../node/machine.ts'
import { together, type Waiting } from '../node/together.ts'

/** Above this many waiting inputs heartbeats are dropped: the next one says the same. 1,000 members send 16 a second. */
export const HEARTBEATS_WAITING_MAX = 2_000
/** Above this many, anything that peers sent is dropped too: their protocols say it again. 8 MB of pings. */
export const PEER_INPUTS_WAITING_MAX = 20_000

/** What waits for the core, in order. Bounded in what peers can put there; never drops what this process itself needs. */
export class InputQueue {
  #inputs: SingleInput[] = []
  /** When each of them came. */
  #arrivals: Instant[] = []
  #head = 0
  readonly #waiting: Waiting = {
    peek: () => this.#inputs[this.#head],
    take: () => void this.shift(),
  }
  heartbeatsDropped = 0
  peerInputsDropped = 0

  get length(): number {
    return this.#inputs.length - this.#head
  }

  /** Of what peers sent. */
  get dropped(): number {
    return this.heartbeatsDropped + this.peerInputsDropped
  }

  /** When the first of those that wait came; undefined: none waits. */
  get since(): Instant | undefined {
    return this.#arrivals[this.#head]
  }

  /** False when the input was dropped. */
  push(input: SingleInput, now: Instant): boolean {
    const fromPeer = input.kind === 'gossip' || input.kind === 'frame'
    if (fromPeer && this.length >= PEER_INPUTS_WAITING_MAX) {
      this.peerInputsDropped++
      return false
    }
    const isHeartbeat = input.kind === 'gossip' && input.message.type === 'heartbeat'
    if (isHeartbeat && this.length >= HEARTBEATS_WAITING_MAX) {
      this.heartbeatsDropped++
      return false
    }
    this.#inputs.push(input)
    this.#arrivals.push(now)
    return true
  }

  /** The next one, or the next ones that may be one step. */
  next(): Input | undefined {
    const first = this.shift()
    return first && together(first, this.#waiting)
  }

  shift(): SingleInput | undefined {
    const input = this.#inputs[this.#head]
    if (input === undefined) return undefined
    this.#head++
    if (this.#head > 1_024 && this.#head * 2 > this.#inputs.length) {
      this.#inputs = this.#inputs.slice(this.#head)
      this.#arrivals = this.#arrivals.slice(this.#head)
      this.#head = 0
    }
    return input
  }
}

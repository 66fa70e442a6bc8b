/**
 * How a connection comes to be. TCP takes a round trip and needs only the other kernel, so a frozen process is connected
 * to like any other; Noise and the first stream take two more, and there the frozen process is missed. A host without a
 * process refuses at once; a cut, a host without power and an address of nobody's say nothing until the time is over.
 */
import type { PeerId } from '../../src/base/ids.ts'
import type { DialResult } from '../../src/node/machine.ts'
import type { End, Network, Party } from './network.ts'
import { type Paths, RTO_MS } from './paths.ts'
import type { EventQueue } from './queue.ts'

/** A lost SYN is sent again after 1, 3, 7 s. */
const SYN_RTO_MS = 1_000

export interface DialOrder {
  readonly dial: number
  readonly address: string
  readonly peer?: PeerId
  readonly forceNew: boolean
  readonly timeoutMs: number
}

/** Who answers at an address at this moment: a host that may have a process. */
export type Lookup = (
  address: string,
) => { readonly host: number; readonly party: Party | undefined } | undefined

export class Dialling {
  readonly #queue: EventQueue
  readonly #paths: Paths
  readonly #network: Network
  readonly #lookup: Lookup

  constructor(queue: EventQueue, network: Network, lookup: Lookup) {
    this.#queue = queue
    this.#paths = network.paths
    this.#network = network
    this.#lookup = lookup
  }

  /** Opens a connection, and answers with `dialled` exactly once, if the dialler lives. */
  dial(party: Party, order: DialOrder): void {
    const reused = order.forceNew ? undefined : this.#reusable(party, order)
    let done = false
    const finish = (result: DialResult): void => {
      if (done) return
      done = true
      party.receive({ kind: 'dialled', dial: order.dial, address: order.address, result })
    }
    if (reused !== undefined) {
      const answer: DialResult = { ok: true, peer: reused.other.owner.peer, link: reused.link }
      this.#queue.in(0, () =>
        finish(reused.open ? answer : { ok: false, reason: 'failed', detail: 'closed meanwhile' }),
      )
      return
    }
    const deadline = this.#queue.now + order.timeoutMs
    this.#queue.at(deadline, () => finish({ ok: false, reason: 'timeout', detail: `${order.timeoutMs} ms` }))
    this.#syn(party, order, finish, () => done || !party.alive, 0)
  }

  #reusable(party: Party, order: DialOrder): End | undefined {
    return this.#network
      .endsOf(party)
      .find(
        end =>
          (order.peer !== undefined && end.other.owner.peer === order.peer) || end.dialled === order.address,
      )
  }

  #syn(
    party: Party,
    order: DialOrder,
    finish: (result: DialResult) => void,
    over: () => boolean,
    tries: number,
  ): void {
    const target = this.#lookup(order.address)
    const from = party.host
    if (target?.host === from) {
      this.#queue.in(0, () => finish({ ok: false, reason: 'self', detail: order.address }))
      return
    }
    const again = (): void =>
      this.#queue.in(SYN_RTO_MS * 2 ** tries, () => {
        if (!over()) this.#syn(party, order, finish, over, tries + 1)
      })
    if (target === undefined) {
      again()
      return
    }
    const to = target.host
    if (this.#paths.lost(from, to) || this.#paths.lost(to, from)) {
      again()
      return
    }
    this.#queue.in(this.#paths.delayMs(from, to), () => {
      if (over()) return
      if (this.#paths.cut(from, to) || this.#paths.cut(to, from)) return again()
      const there = this.#lookup(order.address)
      if (there === undefined) return again()
      const back = this.#paths.delayMs(there.host, from)
      const answered = there.party
      if (answered === undefined) {
        this.#queue.in(back, () => finish({ ok: false, reason: 'refused', detail: order.address }))
        return
      }
      this.#queue.in(back, () => this.#handshake(party, answered, order, finish, over, 0))
    })
  }

  /** TCP is open; Noise and the first stream take two more round trips, of which both processes are part. */
  #handshake(
    party: Party,
    answered: Party,
    order: DialOrder,
    finish: (result: DialResult) => void,
    over: () => boolean,
    tries: number,
  ): void {
    if (over()) return
    const from = party.host
    const to = answered.host
    let takes = 0
    for (let trip = 0; trip < 2; trip++) {
      takes += this.#paths.delayMs(from, to) + this.#paths.delayMs(to, from)
      for (let rto = RTO_MS; this.#paths.lost(from, to) || this.#paths.lost(to, from); rto *= 2) takes += rto
    }
    this.#queue.in(takes, () => {
      if (over()) return
      if (!answered.alive) {
        if (!this.#paths.cut(to, from))
          finish({ ok: false, reason: 'failed', detail: 'reset in the handshake' })
        return
      }
      if (this.#paths.cut(from, to) || this.#paths.cut(to, from)) {
        this.#queue.in(RTO_MS * 2 ** tries, () =>
          this.#handshake(party, answered, order, finish, over, tries + 1),
        )
        return
      }
      if (party.frozen || answered.frozen) {
        const sleeper = party.frozen ? party : answered
        sleeper.whenAwake(() => this.#handshake(party, answered, order, finish, over, tries))
        return
      }
      if (answered.peer === party.peer) {
        finish({ ok: false, reason: 'self', detail: 'it has the key of this node' })
        return
      }
      if (order.peer !== undefined && order.peer !== answered.peer) {
        finish({ ok: false, reason: 'failed', detail: `expected ${order.peer}, got ${answered.peer}` })
        return
      }
      const near = this.#network.connect(party, answered, order.address)
      finish({ ok: true, peer: answered.peer, link: near.link })
    })
  }
}

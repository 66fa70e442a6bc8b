/**
 * Connections as a process sees them through TCP, without modelling segments.
 *
 * A frame takes the path's delay and keeps its place in the queue of its connection. What TCP does about loss is what
 * hurts a failure detector, so that is modelled: a lost segment stalls its connection (head-of-line blocking) until a
 * retransmission gets through, 200 ms later and then after twice as long each time; what is sent meanwhile rides along.
 * A blackhole is loss without end: after a long cut an old connection stays silent until its next retransmission, up
 * to twice as long as the cut was, while a new connection works at once. Nobody is told anything: a connection breaks
 * for its owner only when the other kernel says FIN or RST, or after 15 minutes of retransmissions.
 *
 * Two nodes may have two connections, and what was sent over the one may come after what was sent later over the other.
 * While a path is `late`, a share of the frames that have an order of their own comes so, whatever holds up the rest.
 *
 * Kernels outlive processes: a killed process's kernel sends FIN on its behalf, a frozen one's acknowledges and buffers
 * for it, a powered-off host says nothing, and a host that came back answers segments of old connections with RST.
 */
import type { LinkId, PeerId } from '../../src/base/ids.ts'
import type { Input, LinkMessage } from '../../src/node/machine.ts'
import type { Rumour } from './gossip.ts'
import { type Paths, RTO_MS } from './paths.ts'
import type { EventQueue } from './queue.ts'
import type { Unrest } from './unrest.ts'

/** Linux gives up on a connection after 15 retransmissions: 924.6 s with a 200 ms start and a 120 s ceiling. */
const CONNECTION_DIES_MS = 924_600
const RTO_MS_MAX = 120_000

/** One running process, as the network knows it. */
export interface Party {
  readonly host: number
  readonly peer: PeerId
  readonly alive: boolean
  readonly frozen: boolean
  nextLink(): LinkId
  /** Hands over an input; a frozen process finds it when it thaws. */
  receive(input: Input): void
  receiveRumour(rumour: Rumour, via: PeerId): void
  /** Calls when the process next runs; now, when it does. Never, when it dies before. */
  whenAwake(run: () => void): void
}

type Payload =
  | { readonly kind: 'frame'; readonly message: LinkMessage }
  | { readonly kind: 'gossip'; readonly rumour: Rumour }
  | { readonly kind: 'up' }
  | { readonly kind: 'fin' }

/** What numbers itself, and so may come in any order. */
const NUMBERED: ReadonlySet<LinkMessage['type']> = new Set(['renew', 'grant', 'grant-refused'])

interface Segment {
  readonly order: number
  readonly payload: Payload
}

/** One end of a connection, with the state of the direction that leads away from it. */
export class End {
  readonly owner: Party
  readonly link: LinkId
  /** The address this side dialled, when it did. */
  readonly dialled: string | undefined
  /** False once this side's process has let go of it, by choice, by news of the other end, or by dying. */
  open = true
  /** The owner knows of it. */
  announced = false
  order = 0
  lastArrival = 0
  /** The same of what went by a second connection. */
  lastCrossed = 0
  /** Segments that wait for a retransmission, in order; undefined while the direction flows. */
  stuck: Segment[] | undefined
  stuckSince = 0
  /** Packets of this connection vanish until then, whatever the path does to others: one bad flow of many. */
  stalledUntil = 0
  #other: End | undefined

  constructor(owner: Party, dialled: string | undefined) {
    this.owner = owner
    this.link = owner.nextLink()
    this.dialled = dialled
  }

  get other(): End {
    return this.#other as End
  }

  static pair(a: End, b: End): void {
    a.#other = b
    b.#other = a
  }
}

export class Network {
  readonly paths: Paths
  /** Frames that are lost by themselves, as with a link that goes while another is there. */
  isLost: (message: LinkMessage, now: number) => boolean = () => false
  readonly #queue: EventQueue
  readonly #unrest: Unrest
  readonly #ends = new Map<Party, End[]>()
  /** Ends whose side has been accepted by the kernel but whose process was not told yet. */
  readonly #pendingEnds = new Set<End>()

  constructor(queue: EventQueue, paths: Paths, unrest: Unrest) {
    this.#queue = queue
    this.#unrest = unrest
    this.paths = paths
  }

  /** The open, announced ends of a process, oldest first. */
  endsOf(party: Party): readonly End[] {
    return this.#ends.get(party) ?? []
  }

  /** Sends over one end; vanishes without a word when the connection is gone, as on a real socket before it knows. */
  send(end: End, payload: Payload): void {
    if (payload.kind === 'frame' && this.isLost(payload.message, this.#queue.now)) return
    if (payload.kind === 'frame' && NUMBERED.has(payload.message.type)) {
      const from = end.owner.host
      const to = end.other.owner.host
      const lateMs = this.paths.lateMs(from, to)
      if (lateMs > 0) {
        this.#queue.in(lateMs + this.paths.delayMs(from, to), () => this.#arriveLate(end, payload))
        return
      }
    }
    if (payload.kind === 'frame' && this.#cross(end, payload.message)) return
    this.#transmit(end, { order: end.order++, payload })
  }

  /** Does it go by a second connection? */
  #cross(end: End, message: LinkMessage): boolean {
    const [from, to] = [end.owner.host, end.other.owner.host]
    const lagMs = this.#unrest.lagMs(from, to, message)
    if (lagMs === undefined) return false
    end.lastCrossed = Math.max(end.lastCrossed, this.#queue.now + lagMs + this.paths.delayMs(from, to))
    this.#queue.at(end.lastCrossed, () => this.#arriveLate(end, { kind: 'frame', message }))
    return true
  }

  /** The connections that there are between two hosts go silent for a while; new ones work. How many they are. */
  stall(a: number, b: number, ms: number): number {
    let stalled = 0
    for (const ends of this.#ends.values()) {
      for (const end of ends) {
        const [from, to] = [end.owner.host, end.other.owner.host]
        if ((from !== a || to !== b) && (from !== b || to !== a)) continue
        end.stalledUntil = this.#queue.now + ms
        stalled++
      }
    }
    return stalled / 2
  }

  #stalled(end: End): boolean {
    const { now } = this.#queue
    return end.stalledUntil > now || this.paths.stalled(end.owner.host, end.other.owner.host, now)
  }

  /**
   * When would something sent over this end now arrive, as far as anybody can tell? Undefined when the connection is
   * stuck. Draws the loss and the delay, so call `deliverAt` with the answer or let it be.
   */
  estimate(end: End): number | undefined {
    const from = end.owner.host
    const to = end.other.owner.host
    if (end.stuck !== undefined || this.#stalled(end)) return undefined
    if (this.paths.lost(from, to)) return undefined
    return Math.max(end.lastArrival, this.#queue.now + this.paths.delayMs(from, to))
  }

  deliverAt(end: End, payload: Payload, arrival: number): void {
    this.#schedule(end, { order: end.order++, payload }, arrival)
  }

  /** What was lost waits for its retransmission, and with it everything behind it. */
  sendLost(end: End, payload: Payload): void {
    this.#stick(end, { order: end.order++, payload })
  }

  /** This side closes, after what it sent before; its own process hears of it with cause `local`. */
  close(end: End): void {
    if (!end.open) return
    this.#release(end)
    this.send(end, { kind: 'fin' })
    const peer = end.other.owner.peer
    this.#queue.in(0, () => end.owner.receive({ kind: 'link-down', link: end.link, peer, cause: 'local' }))
  }

  /** The process is gone; its kernel closes what it had open, unless there is no kernel either. */
  abandon(party: Party): void {
    for (const end of [...this.endsOf(party)]) {
      this.#release(end)
      this.send(end, { kind: 'fin' })
    }
    for (const end of this.#unannounced(party)) end.open = false
    this.#ends.delete(party)
  }

  #unannounced(party: Party): End[] {
    return [...this.#pendingEnds].filter(end => end.owner === party)
  }

  /** Both processes have done their part of the handshake: the dialler knows at once, the other when it hears so. */
  connect(party: Party, answered: Party, address: string): End {
    const near = new End(party, address)
    const far = new End(answered, undefined)
    End.pair(near, far)
    this.#pendingEnds.add(far)
    this.send(near, { kind: 'up' })
    this.#announce(near)
    return near
  }

  #announce(end: End): void {
    end.announced = true
    this.#pendingEnds.delete(end)
    let ends = this.#ends.get(end.owner)
    if (ends === undefined) {
      ends = []
      this.#ends.set(end.owner, ends)
    }
    ends.push(end)
    const peer = end.other.owner.peer
    end.owner.receive({
      kind: 'link-up',
      link: end.link,
      peer,
      ...(end.dialled === undefined ? {} : { dialled: end.dialled }),
    })
  }

  /** The process no longer has this end. */
  #release(end: End): void {
    end.open = false
    const ends = this.#ends.get(end.owner)
    const index = ends?.indexOf(end) ?? -1
    if (index >= 0) ends?.splice(index, 1)
  }

  #transmit(end: End, segment: Segment): void {
    const from = end.owner.host
    const to = end.other.owner.host
    if (end.stuck !== undefined || this.#stalled(end) || this.paths.lost(from, to)) {
      this.#stick(end, segment)
      return
    }
    this.#schedule(end, segment, this.#queue.now + this.paths.delayMs(from, to))
  }

  #schedule(end: End, segment: Segment, arrival: number): void {
    end.lastArrival = Math.max(end.lastArrival, arrival)
    this.#queue.at(end.lastArrival, () => this.#arrive(end, segment))
  }

  #stick(end: End, segment: Segment): void {
    if (end.stuck === undefined) {
      end.stuck = [segment]
      end.stuckSince = this.#queue.now
      this.#retransmitIn(end, RTO_MS)
      return
    }
    let index = end.stuck.length
    while (index > 0 && (end.stuck[index - 1] as Segment).order > segment.order) index--
    end.stuck.splice(index, 0, segment)
  }

  #retransmitIn(end: End, rto: number): void {
    this.#queue.in(rto, () => {
      const from = end.owner.host
      const to = end.other.owner.host
      if (end.stuck === undefined) return
      if (this.#queue.now - end.stuckSince >= CONNECTION_DIES_MS) {
        this.#break(end, 'error')
      } else if (this.#stalled(end) || this.paths.lost(from, to)) {
        this.#retransmitIn(end, Math.min(rto * 2, RTO_MS_MAX))
      } else {
        const waiting = end.stuck
        end.stuck = undefined
        for (const segment of waiting) {
          this.#schedule(end, segment, this.#queue.now + this.paths.delayMs(from, to))
        }
      }
    })
  }

  #arrive(end: End, segment: Segment): void {
    const first = end.stuck?.[0]
    const there = end.other
    const from = end.owner.host
    const to = there.owner.host
    const overtaking = first !== undefined && first.order < segment.order
    if (overtaking || this.#stalled(end)) {
      if (segment.payload.kind === 'gossip') segment.payload.rumour.missed(to)
      this.#stick(end, segment)
      return
    }
    if (!there.open) {
      if (segment.payload.kind !== 'fin' && !this.paths.cut(to, from)) this.#reset(end)
      return
    }
    this.#hand(end, there, segment.payload)
  }

  /** By a connection of its own, which is gone when one of the two is. */
  #arriveLate(end: End, payload: Payload): void {
    const there = end.other
    if (there.open && !this.paths.cut(end.owner.host, there.owner.host)) this.#hand(end, there, payload)
  }

  #hand(end: End, there: End, payload: Payload): void {
    const peer = end.owner.peer
    switch (payload.kind) {
      case 'frame':
        there.owner.receive({ kind: 'frame', link: there.link, peer, message: payload.message })
        return
      case 'gossip':
        there.owner.receiveRumour(payload.rumour, peer)
        return
      case 'up':
        this.#announce(there)
        return
      case 'fin':
        this.#break(there, 'remote')
    }
  }

  /** The other kernel knows nothing of this connection and says so. */
  #reset(end: End): void {
    const delay = this.paths.delayMs(end.other.owner.host, end.owner.host)
    this.#queue.in(delay, () => this.#break(end, 'remote'))
  }

  #break(end: End, cause: 'remote' | 'error'): void {
    end.stuck = undefined
    if (!end.open) return
    this.#release(end)
    this.#pendingEnds.delete(end)
    if (!end.announced || !end.owner.alive) return
    end.owner.receive({ kind: 'link-down', link: end.link, peer: end.other.owner.peer, cause })
  }
}

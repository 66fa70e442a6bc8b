/**
 * Whoever connects and never becomes a peer: counted one by one, and said in the log. A node with another cluster key is
 * heard of nowhere else on the nodes that have the right one, and a metric is looked at by nobody who does not know of it.
 * The first is said at once, later ones at most once a minute with their number: a port scan must not fill the disk.
 *
 * This node itself is no stranger. It may be among its own seeds, and then both ends of a connection are here.
 */
import type { Logger } from '../../runtime/ports.ts'
import type { Counters } from './counters.ts'
import { STRANGERS_LOG_MS } from './limits.ts'

/** One connection, as far as it matters here. */
export interface Caller {
  /** Both ends, `address:port`. */
  readonly remote: string
  readonly local: string
  /** It became a link. */
  readonly linked: boolean
  /** It did not greet. */
  readonly foreign: boolean
  onClose(tell: () => void): void
}

export interface StrangersInit {
  readonly counters: Counters
  readonly logger: Logger
  /** Between two lines, in ms; default `STRANGERS_LOG_MS`. */
  readonly everyMs?: number
}

const DETAIL =
  'connections came that never became a link: another cluster key or none, another cluster, a peer that is not on the ' +
  'allow list, a program that is no roundtable daemon, or a peer too slow to finish the handshake'

export class Strangers {
  readonly #init: StrangersInit
  /** Inbound connections by where they come from, and what to call when that turns out to be this node. */
  readonly #inbound = new Map<string, () => void>()
  /** Where this node's own dials come from. */
  readonly #dialled = new Set<string>()
  #unsaid = 0
  #last = { from: '', end: '' }
  #rest: NodeJS.Timeout | undefined
  #stopped = false

  constructor(init: StrangersInit) {
    this.#init = init
  }

  /** This node dialled it. Of a connection to itself either end may be seen first. */
  dialled(caller: Pick<Caller, 'local' | 'onClose'>): void {
    const { local } = caller
    this.#dialled.add(local)
    this.#inbound.get(local)?.()
    caller.onClose(() => this.#dialled.delete(local))
  }

  /** Somebody else dialled it, as it seems. */
  came(caller: Caller): void {
    const { remote } = caller
    let own = this.#dialled.has(remote)
    this.#inbound.set(remote, () => {
      own = true
    })
    caller.onClose(() => {
      this.#inbound.delete(remote)
      if (!own && !caller.linked) this.#gone(caller)
    })
  }

  /** Nothing is said any more: whom this node cuts off while it stops is no stranger. Idempotent. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#rest)
  }

  #gone({ remote, foreign }: Caller): void {
    const end = foreign ? 'foreign' : 'no-handshake'
    this.#init.counters.add('transport_strangers_total', { end })
    this.#unsaid++
    this.#last = { from: remote, end }
    if (this.#rest === undefined && !this.#stopped) this.#say()
  }

  #say(): void {
    const { logger, everyMs = STRANGERS_LOG_MS } = this.#init
    logger.log('warn', 'strangers', { count: this.#unsaid, ...this.#last, detail: DETAIL })
    this.#unsaid = 0
    this.#rest = setTimeout(() => {
      this.#rest = undefined
      if (this.#unsaid > 0) this.#say()
    }, everyMs).unref()
  }
}

/** Frames and bytes that one host sent and heard since the last time they were taken, by what they are for. */
import type { GrantsLinkMessage } from '../../src/grants/messages.ts'
import type { MembershipGossip, MembershipLinkMessage } from '../../src/membership/messages.ts'

/** Everything that nodes of this model say. */
export type LinkMessage = MembershipLinkMessage | GrantsLinkMessage
export type Message = LinkMessage | MembershipGossip

export const KINDS = [
  'heartbeats',
  'vectors',
  'probes',
  'renewals',
  'claims',
  'rumours',
  'syncs',
  'voting',
] as const
export type Kind = (typeof KINDS)[number]

/** A record, so that a message nobody thought of here does not compile. */
const KIND_OF: Readonly<Record<Message['type'], Kind>> = {
  heartbeat: 'heartbeats',
  liveness: 'vectors',
  ping: 'probes',
  ack: 'probes',
  renew: 'renewals',
  grant: 'renewals',
  'grant-refused': 'renewals',
  claims: 'claims',
  rumour: 'rumours',
  hello: 'syncs',
  refuse: 'syncs',
  summary: 'syncs',
  sync: 'syncs',
  leave: 'syncs',
  'leave-ack': 'syncs',
  'ring-ask': 'voting',
  'ring-tell': 'voting',
  voters: 'voting',
  'voters-prepare': 'voting',
  'voters-promise': 'voting',
  'top-ask': 'voting',
  'top-tell': 'voting',
}

const INDEX_OF = new Map<Message['type'], number>(
  Object.entries(KIND_OF).map(([type, kind]) => [type as Message['type'], KINDS.indexOf(kind)]),
)

export interface Count {
  readonly frames: number
  readonly bytes: number
}

/** What one host sent, by kind and in all, and what it heard. */
export interface Counts {
  readonly out: Readonly<Record<Kind, Count>>
  readonly sent: Count
  readonly heard: Count
}

export class Traffic {
  readonly #frames = new Float64Array(KINDS.length)
  readonly #bytes = new Float64Array(KINDS.length)
  #framesIn = 0
  #bytesIn = 0

  sent(type: Message['type'], bytes: number): void {
    const index = INDEX_OF.get(type) ?? 0
    this.#frames[index] = (this.#frames[index] ?? 0) + 1
    this.#bytes[index] = (this.#bytes[index] ?? 0) + bytes
  }

  heard(bytes: number): void {
    this.#framesIn++
    this.#bytesIn += bytes
  }

  /** Everything counted so far; counting starts anew. */
  take(): Counts {
    const of = (i: number): Count => ({ frames: this.#frames[i] ?? 0, bytes: this.#bytes[i] ?? 0 })
    const out = Object.fromEntries(KINDS.map((kind, i) => [kind, of(i)])) as Record<Kind, Count>
    const sent = {
      frames: this.#frames.reduce((sum, each) => sum + each, 0),
      bytes: this.#bytes.reduce((sum, each) => sum + each, 0),
    }
    const heard = { frames: this.#framesIn, bytes: this.#bytesIn }
    this.#frames.fill(0)
    this.#bytes.fill(0)
    this.#framesIn = this.#bytesIn = 0
    return { out, sent, heard }
  }
}

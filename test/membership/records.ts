/** Records, clocks and a lone membership to put questions to. */
import { asLinkId, asNodeId, asPeerId, type LinkId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import { type MembershipConfig, membershipDefaults } from '../../src/membership/config.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import { Membership } from '../../src/membership/membership.ts'
import type { MembershipLinkMessage, RingParameters } from '../../src/membership/messages.ts'
import type { MembershipEffect } from '../../src/membership/outbox.ts'

export const WALL = 1_760_000_000_000

export const at = (ms: number): Now => ({ mono: instantOf(ms), wall: wallOf(WALL + ms) })

export function record(name: string, change: Partial<MemberRecord> = {}): MemberRecord {
  return {
    id: asNodeId(name),
    peerId: asPeerId(`key-${name}`),
    incarnation: 1,
    status: 'alive',
    leaving: false,
    addresses: [`${name}:7946`],
    weight: 1,
    ...change,
  }
}

export const RING: RingParameters = { version: 1, hash: 'ketama-md5', vnodesPerWeight: 100, replicas: 3 }

/** One node's membership, with links to others that say only what the test makes them say. */
export class Lone {
  readonly membership: Membership
  effects: MembershipEffect[] = []
  #links = 0
  #tickedAt = 0

  constructor(
    name = 'me',
    options: {
      seeds?: string[]
      config?: Partial<MembershipConfig>
      modes?: string
      isNamed?: (id: NodeId) => boolean
    } = {},
  ) {
    this.membership = new Membership(
      {
        self: record(name),
        cluster: 'test',
        version: '0',
        ring: RING,
        config: { ...membershipDefaults(), ...options.config },
        seeds: options.seeds ?? [],
        random: new Random(7),
        tickMs: 100,
        nonce: 1,
        ...(options.modes !== undefined && { modes: options.modes }),
        ...(options.isNamed && { isNamed: options.isNamed }),
      },
      at(0),
    )
  }

  collect(): MembershipEffect[] {
    const now = this.membership.effects()
    this.effects.push(...now)
    return now
  }

  /** Opens a link to a member and lets it say hello. */
  meet(other: MemberRecord, ms: number, dialled?: string): LinkId {
    const link = this.open(other, ms, dialled)
    this.say(link, other, { type: 'hello', cluster: 'test', self: other, ring: RING, version: '0' }, ms)
    return link
  }

  /** @param dialled the address, when this node dialled */
  open(other: MemberRecord, ms: number, dialled?: string): LinkId {
    const link = asLinkId(++this.#links)
    this.membership.linkUp(link, other.peerId, dialled, at(ms))
    this.collect()
    return link
  }

  say(link: LinkId, other: MemberRecord, message: MembershipLinkMessage, ms: number): MembershipEffect[] {
    this.membership.awake(at(ms))
    this.membership.frame(link, other.peerId, message, at(ms))
    return this.collect()
  }

  /** Ticks every 100 ms until `ms`; `each` runs before every tick. */
  runTo(ms: number, each?: (ms: number) => void): void {
    while (this.#tickedAt + 100 <= ms) {
      this.#tickedAt += 100
      each?.(this.#tickedAt)
      this.tick(this.#tickedAt)
    }
  }

  /** @param waits what a tick says of frames that this node has not read yet */
  tick(ms: number, waits: { behindMs?: number; dropped?: boolean } = {}): void {
    this.#tickedAt = ms
    this.membership.awake(at(ms))
    this.membership.behind(waits, at(ms))
    this.membership.tick('ring', { running: 0, queued: 0 }, at(ms))
    this.collect()
  }

  sent<T extends MembershipLinkMessage['type']>(type: T): Extract<MembershipLinkMessage, { type: T }>[] {
    return this.effects.flatMap(effect =>
      effect.kind === 'send' && effect.message.type === type
        ? [effect.message as Extract<MembershipLinkMessage, { type: T }>]
        : [],
    )
  }

  events(): string[] {
    return this.effects.flatMap(effect => (effect.kind === 'log' ? [effect.event] : []))
  }

  statusOf(other: MemberRecord): string | undefined {
    return this.membership.roster.get(other.id)?.record.status
  }
}

import type { LinkId, PeerId } from '../base/ids.ts'
import type { MembershipGossip, MembershipLinkMessage } from './messages.ts'

/** What this room asks of the world; a part of the node's effects. */
export type MembershipEffect =
  | {
      readonly kind: 'dial'
      readonly dial: number
      readonly address: string
      readonly peer?: PeerId
      readonly forceNew: boolean
      readonly besides?: readonly string[]
      readonly timeoutMs: number
    }
  | { readonly kind: 'send'; readonly link: LinkId; readonly message: MembershipLinkMessage }
  | { readonly kind: 'publish'; readonly message: MembershipGossip }
  | { readonly kind: 'close-link'; readonly link: LinkId; readonly reason: string }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly event: string
      readonly fields: LogFields
    }

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** Collects the effects of one step, in order, so that the parts of this room need not pass lists around. */
export class Outbox {
  #effects: MembershipEffect[] = []
  /** Nothing is published: this node stands aside, and what it said would be taken for another's word. */
  muted = false

  send(link: LinkId | undefined, message: MembershipLinkMessage): void {
    if (link !== undefined) this.#effects.push({ kind: 'send', link, message })
  }

  publish(message: MembershipGossip): void {
    if (this.muted) return
    this.#effects.push({ kind: 'publish', message })
  }

  dial(order: Omit<Extract<MembershipEffect, { kind: 'dial' }>, 'kind'>): void {
    this.#effects.push({ kind: 'dial', ...order })
  }

  closeLink(link: LinkId, reason: string): void {
    this.#effects.push({ kind: 'close-link', link, reason })
  }

  log(level: 'debug' | 'info' | 'warn' | 'error', event: string, fields: LogFields): void {
    this.#effects.push({ kind: 'log', level, event, fields })
  }

  /** Everything since the last call. */
  take(): MembershipEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

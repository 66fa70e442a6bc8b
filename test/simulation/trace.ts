/**
 * What happened, as one number and as text. The hash covers every input with its time and every effect, whole; two
 * runs of one seed must have the same. The transcript keeps the last events that tell a story (no ticks, pings,
 * heartbeats) and is printed with a violation.
 */
import { hash32 } from '../../src/base/hash.ts'
import type { Now } from '../../src/base/time.ts'
import type { Effect, Input, LinkMessage } from '../../src/node/machine.ts'
import type { Process } from './process.ts'
import type { World, WorldProbe } from './world.ts'

/** Hashes everything; slow, so only the tests that compare traces use it. */
export class TraceHash implements WorldProbe {
  #hash = 0
  #events = 0

  get value(): string {
    return `${this.#events}:${this.#hash.toString(16)}`
  }

  input(process: Process, input: Input, now: Now): void {
    this.#mix(`i${process.host} ${now.mono} ${now.wall} ${JSON.stringify(input)}`)
  }

  effect(process: Process, effect: Effect): void {
    this.#mix(`e${process.host} ${JSON.stringify(effect)}`)
  }

  broken(process: Process, invariant: string, detail: string): void {
    this.#mix(`b${process.host} ${invariant} ${detail}`)
  }

  note(text: string): void {
    this.#mix(`n ${text}`)
  }

  #mix(text: string): void {
    this.#hash = (Math.imul(this.#hash, 31) + hash32(text)) | 0
    this.#events++
  }
}

/** The last telling events, as lines. */
export class Transcript implements WorldProbe {
  readonly #world: World
  readonly #kept: number
  readonly #lines: string[] = []

  constructor(world: World, kept: number) {
    this.#world = world
    this.#kept = kept
  }

  get lines(): readonly string[] {
    return this.#lines.slice(-this.#kept)
  }

  input(process: Process, input: Input): void {
    const text = tellInput(input)
    if (text !== undefined) this.#add(process, `< ${text}`)
  }

  effect(process: Process, effect: Effect): void {
    const text = tellEffect(effect)
    if (text !== undefined) this.#add(process, `> ${text}`)
  }

  broken(process: Process, invariant: string, detail: string): void {
    this.#add(process, `! ${invariant}: ${detail}`)
  }

  note(text: string): void {
    this.#push(`${stamp(this.#world.now)} ---- ${text}`)
  }

  #add(process: Process, text: string): void {
    const name = this.#world.hosts[process.host]?.name ?? '?'
    this.#push(`${stamp(this.#world.now)} ${name.padEnd(4)} ${text}`)
  }

  #push(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > 4 * this.#kept) this.#lines.splice(0, this.#lines.length - this.#kept)
  }
}

const stamp = (ms: number): string => `${(ms / 1000).toFixed(3)}s`.padStart(9)

function tellInput(input: Input): string | undefined {
  switch (input.kind) {
    case 'link-up':
      return `link-up ${input.link} to ${input.peer}${input.dialled === undefined ? '' : ' (dialled)'}`
    case 'link-down':
      return `link-down ${input.link} to ${input.peer}, ${input.cause}`
    case 'dialled':
      return `dialled ${input.address}: ${input.result.ok ? `ok, link ${input.result.link}` : input.result.reason}`
    case 'gossip':
      return input.message.type === 'heartbeat'
        ? undefined
        : `gossip of ${input.author}: ${JSON.stringify(input.message)}`
    case 'frame':
      return tellFrame(input.link, input.message)
    case 'leave':
    case 'request':
      return JSON.stringify(input)
    default:
      return undefined
  }
}

function tellFrame(link: number, message: LinkMessage): string | undefined {
  switch (message.type) {
    case 'ping':
    case 'ack':
    case 'replicate':
    case 'replicated':
    case 'inventory':
    case 'inventory-reply':
    case 'compare':
    case 'compared':
      return undefined
    case 'hello':
      return `hello on ${link} of ${message.self.id} incarnation ${message.self.incarnation}`
    case 'sync':
      return `sync on ${link}: ${message.members.map(m => `${m.id}:${m.status}:${m.incarnation}`).join(' ')}`
    default:
      return `${message.type} on ${link}: ${JSON.stringify(message).slice(0, 200)}`
  }
}

function tellEffect(effect: Effect): string | undefined {
  switch (effect.kind) {
    case 'log':
      return `log ${effect.event} ${JSON.stringify(effect.fields)}`
    case 'dial':
      return `dial ${effect.address}${effect.forceNew ? ' anew' : ''}`
    case 'close-link':
      return `close ${effect.link}: ${effect.reason}`
    case 'publish':
      return effect.message.type === 'heartbeat' ? undefined : `publish ${JSON.stringify(effect.message)}`
    case 'left':
      return 'left'
    default:
      return undefined
  }
}

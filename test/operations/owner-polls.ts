/**
 * Who acts for which key, asked again and again over HTTP as an application would: `GET /v1/owner/KEY` for many keys in one
 * write on one kept connection, so that asking costs little beside what is measured.
 *
 * An answer was true at some moment between asking and reading. So of two nodes it is certain that both acted for a key
 * only when the one began to say yes before the other was last asked and still said yes; and a gap is stated at its
 * longest, from when the old one was last asked to when the first yes of the new one was read.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** A time through which a node said yes for a key, wall clock ms. */
export interface ActingSpan {
  readonly node: string
  readonly key: string
  readonly token: string
  /** Spans of one round of asking have nothing unasked between them. */
  readonly round: number
  /** When its first yes was read. */
  readonly from: number
  /** When it was asked the last time that it said yes. */
  to: number
}

/**
 * Pause between two sweeps, in ms; with one sweep it is the error of every instant. Where asking takes long, since the
 * machine is slow or the keys are many, it pauses for longer: each node is asked for a fourth of the time at most.
 */
const SWEEP_MS = 25
const PAUSE_FACTOR = 3

interface Answer {
  readonly acting: boolean
  readonly token?: { readonly value: string }
}

interface Asked {
  readonly node: string
  readonly url: string
  readonly keys: readonly string[]
}

type Wanted = Asked & { readonly round: number; readonly wanted: () => boolean }

export class OwnerPolls {
  readonly spans: ActingSpan[] = []
  readonly #open = new Map<string, ActingSpan>()
  readonly #running: Promise<void>[] = []
  #stopped = false
  #rounds = 0
  /** From each sweep's asking to the reading of the next one: how wrong an instant may be, in ms. */
  readonly errorsMs: number[] = []

  /** Follows these keys at this node until `stop`, or while it is wanted. While nobody listens there it tries again. */
  follow(asked: Asked, wanted: () => boolean = () => true): void {
    const round = ++this.#rounds
    this.#running.push(this.#follow({ ...asked, round, wanted: () => wanted() && !this.#stopped }))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  /** The first span of this key at this node that ends at or after an instant. */
  acting(node: string, key: string, since: number): ActingSpan | undefined {
    return this.spans.find(span => span.node === node && span.key === key && span.to >= since)
  }

  async #follow(asked: Wanted): Promise<void> {
    while (asked.wanted()) {
      const connection = await Connection.open(asked.url)
      if (connection !== undefined) await this.#sweeps(asked, connection)
      // Who has hung up says nothing: its spans end where it was last asked.
      for (const key of asked.keys) this.#open.delete(idOf(asked, key))
      if (asked.wanted()) await pause(SWEEP_MS)
    }
  }

  async #sweeps(asked: Wanted, connection: Connection): Promise<void> {
    const paths = asked.keys.map(key => `/v1/owner/${encodeURIComponent(key)}`)
    let before = Date.now()
    while (asked.wanted()) {
      const askedAt = Date.now()
      const answers = await connection.ask(paths)
      if (answers === undefined) return
      const readAt = Date.now()
      this.errorsMs.push(readAt - before)
      before = askedAt
      asked.keys.forEach((key, i) => {
        this.#note(asked, key, JSON.parse(answers[i] ?? '{}') as Answer, askedAt, readAt)
      })
      await pause(Math.max(SWEEP_MS, PAUSE_FACTOR * (readAt - askedAt)))
    }
    connection.close()
  }

  #note({ node, round }: Wanted, key: string, answer: Answer, askedAt: number, readAt: number): void {
    const id = idOf({ node, round }, key)
    const token = answer.acting ? (answer.token?.value ?? 'none') : undefined
    const open = this.#open.get(id)
    if (open !== undefined && open.token === token) open.to = askedAt
    else if (token === undefined) this.#open.delete(id)
    else {
      const span = { node, key, token, round, from: readAt, to: askedAt }
      this.#open.set(id, span)
      this.spans.push(span)
    }
  }
}

const idOf = ({ node, round }: Pick<Wanted, 'node' | 'round'>, key: string) => `${round} ${node} ${key}`

/** Pairs of spans of one key at two nodes that certainly have a moment in common. */
export function bothActed(spans: readonly ActingSpan[]): readonly (readonly [ActingSpan, ActingSpan])[] {
  const found: (readonly [ActingSpan, ActingSpan])[] = []
  for (const ofKey of Map.groupBy(spans, span => span.key).values()) {
    for (const [i, one] of ofKey.entries())
      for (const other of ofKey.slice(i + 1))
        if (one.node !== other.node && Math.max(one.from, other.from) < Math.min(one.to, other.to))
          found.push([one, other])
  }
  return found
}

/** Requests in a row on one connection, answered in that order. */
class Connection {
  readonly #socket: Socket
  #text = ''
  #wanted = 0
  #done: ((answers: readonly string[] | undefined) => void) | undefined
  #ended = false

  private constructor(socket: Socket) {
    this.#socket = socket.setEncoding('utf8').setNoDelay(true)
    socket.on('data', text => this.#read(String(text)))
    socket.on('close', () => {
      this.#ended = true
      this.#done?.(undefined)
    })
  }

  /** @returns undefined when nobody listens */
  static open(url: string): Promise<Connection | undefined> {
    return new Promise(resolve => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1')
      socket.once('connect', () => resolve(new Connection(socket)))
      // `close` follows and is what counts.
      socket.on('error', () => resolve(undefined))
    })
  }

  /** @returns undefined when the other side hung up */
  ask(paths: readonly string[]): Promise<readonly string[] | undefined> {
    if (this.#ended) return Promise.resolve(undefined)
    this.#wanted = paths.length
    this.#text = ''
    const requests = paths.map(path => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    return new Promise(resolve => {
      this.#done = resolve
      this.#socket.write(requests.join(''))
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#text += text
    const bodies = bodiesIn(this.#text, this.#wanted)
    if (bodies !== undefined) this.#done?.(bodies)
  }
}

/** The bodies of so many answers; undefined while they are not all there. They are ASCII: a character is a byte. */
function bodiesIn(text: string, wanted: number): readonly string[] | undefined {
  const bodies: string[] = []
  let at = 0
  while (bodies.length < wanted) {
    const headEnd = text.indexOf('\r\n\r\n', at)
    if (headEnd === -1) return undefined
    const length = Number(/content-length: (\d+)/i.exec(text.slice(at, headEnd))?.[1])
    if (!Number.isInteger(length)) throw new Error(`an answer without a length: ${text.slice(at, headEnd)}`)
    const end = headEnd + 4 + length
    if (end > text.length) return undefined
    bodies.push(text.slice(headEnd + 4, end))
    at = end
  }
  return bodies
}

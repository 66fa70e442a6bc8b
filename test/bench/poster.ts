/**
 * Hands JSON to one daemon over a few kept-alive connections, one request at a time on each. Written on sockets: what adds
 * tasks shares the cores with what is measured, and `node:http` would take several times the processor.
 */
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface PosterOptions {
  readonly host?: string
  readonly port: number
  /** Requests that are under way at one time, at most; the others wait for their turn. */
  readonly connections: number
  /** An answer that takes longer is given up on, in ms. */
  readonly timeoutMs?: number
}

interface Ask {
  readonly text: string
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

const TIMEOUT_MS = 30_000

export class Poster {
  readonly #options: PosterOptions
  readonly #free: Connection[] = []
  readonly #waiting: Ask[] = []
  readonly #all = new Set<Connection>()

  constructor(options: PosterOptions) {
    this.#options = options
  }

  /** Rejects when the connection breaks or nothing comes in time: whether the daemon took it is unknown then. */
  async post(path: string, body: string): Promise<Answer> {
    const length = Buffer.byteLength(body)
    return await this.#send(
      `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`,
    )
  }

  async get(path: string): Promise<Answer> {
    return await this.#send(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`)
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  get #host(): string {
    return `${this.#options.host ?? '127.0.0.1'}:${this.#options.port}`
  }

  #send(text: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject })
      this.#next()
    })
  }

  /** Gives the request that waits longest to a connection that is free, or to a new one where there may be more. */
  #next(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#free.pop() ?? this.#opened()
      const ask = connection === undefined ? undefined : this.#waiting.shift()
      if (connection === undefined || ask === undefined) return
      connection.send(ask)
    }
  }

  #opened(): Connection | undefined {
    if (this.#all.size >= this.#options.connections) return undefined
    const free = (): void => {
      this.#free.push(connection)
      this.#next()
    }
    const gone = (): void => {
      this.#all.delete(connection)
      const at = this.#free.indexOf(connection)
      if (at >= 0) this.#free.splice(at, 1)
      this.#next()
    }
    const connection = new Connection(this.#options, free, gone)
    this.#all.add(connection)
    return connection
  }
}

class Connection {
  readonly #socket: Socket
  readonly #free: () => void
  #ask: Ask | undefined
  #text = ''

  constructor(
    { host = '127.0.0.1', port, timeoutMs = TIMEOUT_MS }: PosterOptions,
    free: () => void,
    gone: () => void,
  ) {
    this.#free = free
    this.#socket = connect(port, host)
    this.#socket.setNoDelay(true)
    // One character is one byte, so that lengths can be counted; what comes out is decoded.
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', chunk => this.#read(String(chunk)))
    let why = new Error('the daemon closed the connection')
    this.#socket.setTimeout(timeoutMs, () => {
      if (this.#ask !== undefined) this.#socket.destroy(new Error(`no answer within ${timeoutMs} ms`))
    })
    this.#socket.on('error', error => {
      why = error
    })
    this.#socket.on('close', () => {
      const ask = this.#ask
      this.#ask = undefined
      gone()
      ask?.reject(why)
    })
  }

  send(ask: Ask): void {
    this.#ask = ask
    this.#socket.write(ask.text)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#text += chunk
    const headEnd = this.#text.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const length = Number(/content-length: (\d+)/i.exec(this.#text.slice(0, headEnd))?.[1])
    if (Number.isNaN(length)) {
      this.#socket.destroy(new Error(`an answer without a length: ${this.#text.slice(0, headEnd)}`))
      return
    }
    const end = headEnd + 4 + length
    if (this.#text.length < end) return
    const status = Number(this.#text.slice(9, 12))
    const body = Buffer.from(this.#text.slice(headEnd + 4, end), 'latin1').toString('utf8')
    this.#text = this.#text.slice(end)
    const ask = this.#ask
    this.#ask = undefined
    this.#free()
    ask?.resolve({ status, body })
  }
}

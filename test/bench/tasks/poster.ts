/**
 * Hands JSON to one daemon over a few kept-alive connections, one request at a time on each. Written on sockets: what adds
 * jobs shares two cores with what is measured, and `node:http` would take several times the processor.
 */
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  readonly body: string
}

interface Ask {
  readonly text: string
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
}

export class Poster {
  readonly #port: number
  readonly #free: Connection[] = []
  readonly #waiting: Ask[] = []
  readonly #all = new Set<Connection>()

  /**
   * @param port of a daemon on 127.0.0.1
   * @param connections requests that are under way at one time, at most
   */
  constructor(port: number, connections: number) {
    this.#port = port
    for (let i = 0; i < connections; i++) this.#open()
  }

  /** Rejects when the connection breaks: whether the daemon took it is unknown then. */
  async post(path: string, body: string): Promise<Answer> {
    const type = path.includes('batch') && !body.startsWith('[') ? 'application/x-ndjson' : 'application/json'
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\nContent-Type: ${type}\r\n`
    return await this.#send(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }

  async get(path: string): Promise<Answer> {
    return await this.#send(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\n\r\n`)
  }

  close(): void {
    for (const connection of this.#all) connection.close()
  }

  #send(text: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ask = { text, resolve, reject }
      const connection = this.#free.pop()
      if (connection === undefined) this.#waiting.push(ask)
      else connection.send(ask)
    })
  }

  #open(): void {
    const connection = new Connection(this.#port, {
      free: each => {
        const next = this.#waiting.shift()
        if (next === undefined) this.#free.push(each)
        else each.send(next)
      },
      broken: each => {
        this.#all.delete(each)
        const at = this.#free.indexOf(each)
        if (at >= 0) this.#free.splice(at, 1)
        this.#open()
      },
    })
    this.#all.add(connection)
    this.#free.push(connection)
  }
}

class Connection {
  readonly #socket: Socket
  readonly #free: (connection: Connection) => void
  #ask: Ask | undefined
  #text = ''
  #closed = false

  constructor(
    port: number,
    { free, broken }: { free: (each: Connection) => void; broken: (each: Connection) => void },
  ) {
    this.#free = free
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.setNoDelay(true)
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', chunk => this.#read(String(chunk)))
    let why = new Error('the daemon closed the connection')
    this.#socket.on('error', error => {
      why = error
    })
    this.#socket.on('close', () => {
      this.#ask?.reject(why)
      if (!this.#closed) broken(this)
    })
  }

  send(ask: Ask): void {
    this.#ask = ask
    this.#socket.write(ask.text)
  }

  close(): void {
    this.#closed = true
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#text += chunk
    const headEnd = this.#text.indexOf('\r\n\r\n')
    if (headEnd < 0) return
    const length = Number(/content-length: (\d+)/i.exec(this.#text.slice(0, headEnd))?.[1])
    const end = headEnd + 4 + length
    if (this.#text.length < end) return
    const status = Number(this.#text.slice(9, 12))
    const body = Buffer.from(this.#text.slice(headEnd + 4, end), 'latin1').toString('utf8')
    this.#text = this.#text.slice(end)
    const { resolve } = this.#ask ?? {}
    this.#ask = undefined
    resolve?.({ status, body })
    this.#free(this)
  }
}

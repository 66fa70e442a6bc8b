/** The stations beside the daemons, as the run talks to them: over a unix socket, which no fault of the network touches. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Started, start, until } from '../faults/started.ts'
import type { Copy } from './history.ts'
import type { Numbered, Reply, Request } from './messages.ts'
import type { Place } from './places.ts'

const STATION = fileURLToPath(new URL('./station.ts', import.meta.url))
const START_MS = 60_000

/** An answer of a daemon; `status` null when none came. */
export interface Answered {
  readonly status: number | null
  readonly body: string
}

interface Waiting {
  readonly copies: Copy[]
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

export class Stations {
  readonly #server: Server
  readonly #sockets = new Map<string, Socket>()
  readonly #started: Started[] = []
  readonly #waiting = new Map<number, Waiting>()
  #numbers = 0

  private constructor(server: Server) {
    this.#server = server
  }

  /** One on each host; all are connected when this settles. */
  static async start(places: readonly Place[], directory: string, register: string): Promise<Stations> {
    const control = join(directory, 'control')
    const stations = new Stations(createServer(socket => stations.#connected(socket)))
    stations.#server.listen(control)
    await once(stations.#server, 'listening')
    for (const { name, http, application, on } of places) {
      const args = [`--node=${name}`, `--control=${control}`, `--register=${register}`]
      const line = on(process.execPath, [STATION, ...args, `--daemon=${http}`, `--port=${application}`])
      stations.#started.push(start(...line, { log: join(directory, `station-${name}.log`) }))
    }
    const all = (): boolean => stations.#sockets.size === places.length
    if ((await until(all, START_MS)) === null)
      throw new Error(`not all stations began; their logs: ${directory}`)
    return stations
  }

  /** Has one of them ended, which it must not before `stop`? */
  get broken(): boolean {
    return this.#started.some(({ running }) => !running)
  }

  async ask(node: string, method: 'GET' | 'POST', path: string, body?: unknown): Promise<Answered> {
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const reply = await this.#send(node, { op: 'ask', method, path, ...content })
    if (reply.op !== 'answer') throw new Error(`the station of ${node} answered ${reply.op}`)
    return reply
  }

  /** Every record that a node has. @throws when it does not give them all */
  async book(node: string): Promise<readonly Copy[]> {
    const copies: Copy[] = []
    await this.#send(node, { op: 'book' }, copies)
    return copies
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.end()
    this.#server.close()
    await Promise.all(this.#started.map(({ ended }) => ended))
  }

  #send(node: string, said: Request, copies: Copy[] = []): Promise<Reply> {
    const socket = this.#sockets.get(node)
    if (socket === undefined) return Promise.reject(new Error(`there is no station beside ${node}`))
    const number = ++this.#numbers
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { copies, resolve, reject })
      socket.write(`${JSON.stringify({ number, said } satisfies Numbered<Request>)}\n`)
    })
  }

  #connected(socket: Socket): void {
    let node = ''
    createInterface({ input: socket }).on('line', line => {
      if (node !== '') return this.#heard(JSON.parse(line) as Numbered<Reply>)
      node = (JSON.parse(line) as { node: string }).node
      this.#sockets.set(node, socket)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the station of ${node} hung up`))
    })
  }

  #heard({ number, said }: Numbered<Reply>): void {
    const waiting = this.#waiting.get(number)
    if (waiting === undefined) return
    if (said.op === 'copies') waiting.copies.push(...said.copies)
    if (said.op === 'copies' && !said.end) return
    this.#waiting.delete(number)
    if (said.op === 'failed') waiting.reject(new Error(said.text))
    else waiting.resolve(said)
  }
}

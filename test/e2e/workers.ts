/**
 * Work of all four kinds of executors, in the hands of the test: each run says what it was given, then does as it is told.
 * It is there as long as its connection is, so the test hears of its end from the kernel, without asking.
 */
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createLineServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ClaimHandler } from '../../src/client/claim-tasks.ts'

export const KINDS = ['exec', 'http', 'module', 'claim'] as const
export type Kind = (typeof KINDS)[number]

/** What a run was given. */
interface About {
  readonly task: string
  readonly attempt: number
  readonly token: string
  readonly deadlineMs: number
}

/** What it is told: how far it is to say that it is, or to end. */
type Order = { readonly fraction: number } | { readonly end: true }

export interface Run extends About {
  /** When nothing of it was left, on the clock of `performance.now`. */
  readonly gone: Promise<number>
  tell(order: Order): void
}

/** For a command and a module alike. Whoever wants it stopped has to kill it. */
const script = (port: number): string => `
import { writeSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
export async function carryOut(about, progress) {
  const socket = connect(${port}, '127.0.0.1')
  socket.write(JSON.stringify(about) + '\\n')
  for await (const line of createInterface({ input: socket })) {
    const order = JSON.parse(line)
    if (order.end) break
    progress(order.fraction)
  }
  socket.destroy()
}
export default async function run({ id }, { attempt, token, deadlineMs, progress }) {
  await carryOut({ task: id, attempt, token: token.value, deadlineMs }, fraction => progress({ fraction }))
}
if (process.env.ROUNDTABLE_TASK_PROGRESS_FD !== undefined) {
  const { env } = process
  const [attempt, deadlineMs] = [env.ROUNDTABLE_TASK_ATTEMPT, env.ROUNDTABLE_TASK_DEADLINE_MS].map(Number)
  const about = { task: env.ROUNDTABLE_TASK_ID, attempt, token: env.ROUNDTABLE_TASK_TOKEN, deadlineMs }
  process.on('SIGTERM', () => undefined)
  await carryOut(about, fraction => writeSync(Number(env.ROUNDTABLE_TASK_PROGRESS_FD), fraction + '\\n'))
}
`

export class Workers {
  readonly #lines: Server
  readonly #requests: HttpServer
  /** By task, in the order in which they began. */
  readonly #runs = new Map<string, Run[]>()
  #news = Promise.withResolvers<void>()
  #script = ''

  private constructor(lines: Server, requests: HttpServer) {
    this.#lines = lines
    this.#requests = requests
  }

  /** @param directory where the command and the module are written */
  static async start(directory: string): Promise<Workers> {
    const lines = createLineServer(socket => workers.#connected(socket))
    const requests = createServer((request, response) => workers.#asked(request, response))
    const workers = new Workers(lines, requests)
    for (const server of [lines, requests]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    workers.#script = join(directory, 'work.mjs')
    await writeFile(workers.#script, script(portOf(lines)))
    return workers
  }

  /** `executors` of the configuration of each node. */
  config(leaseMs: number) {
    return {
      exec: { commands: { work: { path: process.execPath, args: [this.#script] } } },
      http: { allow: [this.#url] },
      modules: { inside: { path: this.#script, concurrency: 4 } },
      claim: { types: ['asked'], leaseMs },
    }
  }

  /** A task of this kind. */
  taskOf(kind: Kind): { readonly type: string; readonly payload: unknown } {
    if (kind === 'exec') return { type: 'exec', payload: { command: 'work' } }
    if (kind === 'http') return { type: 'http', payload: { url: this.#url } }
    return { type: kind === 'module' ? 'inside' : 'asked', payload: null }
  }

  /** The newest run of a task, of an attempt above this one, begun or to come. */
  async run(task: string, above = 0): Promise<Run> {
    for (;;) {
      const newest = this.#runs.get(task)?.at(-1)
      if (newest !== undefined && newest.attempt > above) return newest
      await this.#news.promise
    }
  }

  /** What clients of `claim` do. */
  readonly handler: ClaimHandler = async ({ task, attempt, token, deadlineMs }, { signal, progress }) => {
    const over = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<number>()
    signal.addEventListener('abort', () => {
      gone.resolve(performance.now())
      over.reject(signal.reason)
    })
    const tell = (order: Order): void => ('end' in order ? over.resolve() : progress(order))
    this.#begun({ task, attempt, token: token.value, deadlineMs, gone: gone.promise, tell })
    await over.promise
    return null
  }

  async stop(): Promise<void> {
    this.#requests.closeAllConnections()
    for (const server of [this.#lines, this.#requests]) {
      server.close()
      await once(server, 'close')
    }
  }

  get #url(): string {
    return `http://127.0.0.1:${portOf(this.#requests)}/`
  }

  #begun(run: Run): void {
    this.#runs.set(run.task, [...(this.#runs.get(run.task) ?? []), run])
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  #connected(socket: Socket): void {
    socket.on('error', () => undefined) // Killed ones reset it; `close` follows.
    const gone = Promise.withResolvers<number>()
    socket.once('close', () => gone.resolve(performance.now()))
    const tell = (order: Order): void => void socket.write(`${JSON.stringify(order)}\n`)
    createInterface({ input: socket }).once('line', line => {
      this.#begun({ ...(JSON.parse(line) as About), gone: gone.promise, tell })
    })
  }

  #asked({ headers }: IncomingMessage, response: ServerResponse): void {
    const of = (name: string): string => String(headers[`roundtable-task-${name}`])
    const gone = Promise.withResolvers<number>()
    response.once('close', () => gone.resolve(performance.now()))
    const report = async (order: object): Promise<void> => {
      const json = { 'content-type': 'application/json' }
      await fetch(of('progress-url'), { method: 'POST', headers: json, body: JSON.stringify(order) })
    }
    const tell = (order: Order): void => {
      if ('end' in order) response.end('null')
      else void report(order)
    }
    const [attempt, deadlineMs] = [Number(of('attempt')), Number(of('deadline-ms'))]
    const task = decodeURIComponent(of('id'))
    this.#begun({ task, attempt, token: of('token'), deadlineMs, gone: gone.promise, tell })
  }
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

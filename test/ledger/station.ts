/**
 * Who stands beside one daemon, on its host: hands tasks to it and asks it, as the run says; and is the application that
 * its `http` tasks are for. Each run of a task begins and ends at the register, under the token that came with it; one
 * that the register refuses fails, and so does one whose right to act has run out meanwhile.
 *
 *   node station.ts --node=NAME --control=SOCKET --register=SOCKET --daemon=PORT --port=PORT
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { TaskPage } from '../../src/node/status.ts'
import { Poster } from '../bench/poster.ts'
import { monotonicMs } from '../faults/started.ts'
import { copyOf } from './copies.ts'
import type { Numbered, Reply, Request } from './messages.ts'

const text = { type: 'string', default: '' } as const
const { values } = parseArgs({
  options: { node: text, control: text, register: text, daemon: text, port: text },
})

/** Longer than the daemon itself waits for the owner (`tasks.forwardMs`), and for a quorum. */
const ANSWER_MS = 10_000
const CONNECTIONS = 64
/** The API's largest page is 1,000. */
const PAGE = 500

const daemon = new Poster({ port: Number(values.daemon), connections: CONNECTIONS, timeoutMs: ANSWER_MS })

/** The register answers each sign in its order. */
const signs = connect(values.register)
const unanswered: ((accepted: boolean) => void)[] = []
signs.on('error', error => end(`the register: ${error.message}`))
signs.on('close', () => end('the register hung up'))
createInterface({ input: signs }).on('line', line =>
  unanswered.shift()?.((JSON.parse(line) as { accepted: boolean }).accepted),
)

let runs = 0

/** One run of a task, by the headers of the request. */
class Run {
  readonly name: string
  readonly #who: object

  constructor(headers: IncomingHttpHeaders) {
    const header = (name: string): string =>
      decodeURIComponent(String(headers[`roundtable-task-${name}`] ?? ''))
    const actor = ++runs
    this.name = `${values.node}-${process.pid}-${actor}`
    const attempt = Number(header('attempt'))
    const said = { task: header('id'), key: header('key'), token: header('token'), node: header('node') }
    this.#who = { actor, run: this.name, attempt, pid: process.pid, ...said }
  }

  say(event: 'start' | 'stop'): Promise<boolean> {
    return new Promise(resolve => {
      unanswered.push(resolve)
      signs.write(`${JSON.stringify({ event, at: monotonicMs(), ...this.#who })}\n`)
    })
  }
}

async function perform(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Who hangs up before it has said what it wants has begun nothing.
  const asked = await textOf(request).catch(() => undefined)
  if (asked === undefined) return
  const { ms } = JSON.parse(asked) as { ms: number }
  const until = Number(request.headers['roundtable-task-acting-until-ms'] ?? Number.POSITIVE_INFINITY)
  const mayAct = (): boolean => Date.now() < until
  const refuse = (why: string): void => void response.writeHead(503).end(why)
  if (!mayAct()) return refuse('the right to act had ended before it began')
  const run = new Run(request.headers)
  if (!(await run.say('start'))) return refuse('the register refused its start')
  await pause(ms)
  if (!mayAct()) return refuse('the right to act ended')
  if (!(await run.say('stop'))) return refuse('the register refused its end')
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ run: run.name }))
}

async function textOf(request: IncomingMessage): Promise<string> {
  let whole = ''
  for await (const chunk of request.setEncoding('utf8')) whole += chunk
  return whole
}

async function ask({ method, path, body = '' }: Request & { op: 'ask' }): Promise<Reply> {
  try {
    const answer = method === 'GET' ? await daemon.get(path) : await daemon.post(path, body)
    return { op: 'answer', ...answer }
  } catch (error) {
    return { op: 'answer', status: null, body: (error as Error).message }
  }
}

/** Page by page, so that no line becomes as long as a book. */
async function book(tell: (reply: Reply) => void): Promise<void> {
  for (let after = ''; ; ) {
    const { status, body } = await daemon.get(`/v1/tasks?scope=all&limit=${PAGE}${after}`)
    if (status !== 200) throw new Error(`GET /v1/tasks answered ${status}: ${body}`)
    const { tasks, next } = JSON.parse(body) as TaskPage
    tell({ op: 'copies', copies: tasks.map(record => copyOf(values.node, record)), end: next === undefined })
    if (next === undefined) return
    after = `&after=${encodeURIComponent(next)}`
  }
}

function end(why: string): void {
  console.error(why)
  process.exit(1)
}

const control = connect(values.control)
control.on('error', error => end(`the run: ${error.message}`))
control.on('close', () => process.exit(0))
createInterface({ input: control }).on('line', line => {
  const { number, said } = JSON.parse(line) as Numbered<Request>
  const tell = (reply: Reply): void => void control.write(`${JSON.stringify({ number, said: reply })}\n`)
  const done = said.op === 'ask' ? ask(said).then(tell) : book(tell)
  done.catch(error => tell({ op: 'failed', text: (error as Error).message }))
})

const server = createServer((request, response) => {
  perform(request, response).catch(error => end(`a run: ${(error as Error).stack}`))
})
// An attempt that was cancelled hangs up in the middle: nothing is to be answered then.
server.on('clientError', (_, socket) => socket.destroy())
server.listen(Number(values.port), '127.0.0.1', () =>
  control.write(`${JSON.stringify({ node: values.node })}\n`),
)

/**
 * Is fsync real? A daemon is traced by the kernel's own interface (strace) while it accepts tasks, so what is counted is what
 * reached the kernel and not what the daemon says of itself. `node test/bench/fsyncs.ts [--json]`; needs strace.
 *
 * Two loads. One client that hands in one task after the other: each 202 must be paid with an fsync of its own at least.
 * Many clients at once: they share fsyncs, and each transaction that the daemon counts was one all the same.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Daemon } from '../daemon/subject.ts'
import { fact, figure } from '../proof/line.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const ONE_BY_ONE = 200
const AT_ONCE = 5_000
const CLIENTS = 64

interface Load {
  readonly accepted: number
  /** Calls of fsync and fdatasync that returned 0, as the kernel saw them. */
  readonly fsyncs: number
  readonly transactions: number
  readonly seconds: number
}

const scratch = mkdtempSync(join(tmpdir(), 'roundtable-fsyncs-'))

async function transactionsOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^roundtable_store_transactions_total(?:{.*})? (\S+)/m.exec(text)?.[1])
}

async function traced(pid: number, work: () => Promise<number>, url: string): Promise<Load> {
  const file = join(scratch, 'trace')
  const args = ['-f', '-p', String(pid), '-e', 'trace=fsync,fdatasync', '-o', file]
  const tracer: ChildProcess = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  if (tracer.stderr === null) throw new Error('strace has a standard error')
  await once(tracer.stderr, 'data') // attached
  const before = await transactionsOf(url)
  const from = performance.now()
  const accepted = await work()
  const seconds = (performance.now() - from) / 1_000
  const transactions = (await transactionsOf(url)) - before
  const exited = once(tracer, 'exit')
  tracer.kill('SIGINT')
  await exited
  const fsyncs = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => /(?:fsync|fdatasync)\b.*= 0$/.test(line)).length
  return { accepted, fsyncs, transactions, seconds }
}

/** Status, with the beginning of the body when it is no 202; or how the connection ended (a traced daemon is slow). */
async function answerTo(url: string, task: unknown): Promise<string> {
  try {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/v1/tasks`, { method: 'POST', headers, body: JSON.stringify(task) })
    const body = await response.text()
    return response.status === 202 ? '202' : `${response.status} ${body.slice(0, 200)}`
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    return cause instanceof Error ? cause.message : String(error)
  }
}

let next = 0
/** How often each other answer came. */
const refusals = new Map<string, number>()
async function submit(url: string): Promise<number> {
  const said = await answerTo(url, { id: `f${next++}`, type: 'echo', payload: 'x' })
  if (said === '202') return 1
  refusals.set(said, (refusals.get(said) ?? 0) + 1)
  return 0
}

async function oneByOne(url: string): Promise<number> {
  let accepted = 0
  for (let i = 0; i < ONE_BY_ONE; i++) accepted += await submit(url)
  return accepted
}

async function atOnce(url: string): Promise<number> {
  let [left, accepted] = [AT_ONCE, 0]
  const client = async (): Promise<void> => {
    while (left-- > 0) accepted += await submit(url)
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return accepted
}

const free = { host: '127.0.0.1', port: 0 }
const file = join(scratch, 'config.json')
const config = { cluster: 'fsyncs', dataDir: join(scratch, 'data'), transport: free, http: free }
writeFileSync(file, JSON.stringify({ ...config, log: { level: 'info' } }))
const daemon = new Daemon(file)
let single: Load
let many: Load
try {
  await daemon.said('ready')
  const url = await daemon.url()
  const { pid } = daemon.child
  if (pid === undefined) throw new Error('the daemon has no pid')
  single = await traced(pid, () => oneByOne(url), url)
  many = await traced(pid, () => atOnce(url), url)
} finally {
  await daemon.kill()
  rmSync(scratch, { recursive: true })
}

const text = ({ accepted, fsyncs, transactions, seconds }: Load): string =>
  `${accepted} accepted in ${seconds.toFixed(1)} s (traced), ${fsyncs} fsyncs seen by strace, ${transactions} transactions`
const shown = [
  fact(
    'one client: an fsync for each 202 at least',
    single.accepted === ONE_BY_ONE && single.fsyncs >= single.accepted,
    text(single),
  ),
  fact(
    `${CLIENTS} clients: an fsync for each transaction at least`,
    many.accepted > 0 && many.fsyncs >= many.transactions,
    text(many),
  ),
  figure('group commit: accepted tasks for each fsync', (many.accepted / many.fsyncs).toFixed(1)),
]
for (const [said, times] of refusals) console.error(`${times} times ${said}`)
if (values.json) console.log(JSON.stringify({ shown, single, many }))
else
  for (const line of shown) console.log(`${line.holds === false ? 'NOT ' : ''}${line.claim}: ${line.figure}`)
if (shown.some(({ holds }) => holds === false)) process.exitCode = 1

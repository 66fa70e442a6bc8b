/**
 * How fast the store makes things durable, against the least that any durable store must do: write and fsync a file
 * in the same directory. `node test/bench/store.ts [DIRECTORY] [--seconds=2] [--json]`
 *
 * The ratio counts, not the figures: both sides run in one go on one disk, alternating, best and worst told. Then what a start
 * costs (opening with its check, reading all rows) and what an urgent commit waits while others pour in.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openStore, type SqliteStore } from '../../src/adapters/storage/store.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '2' }, json: { type: 'boolean', default: false } },
})
const directory = mkdtempSync(join(positionals[0] ?? tmpdir(), 'roundtable-bench-'))
const ROUNDS = 3
/** What a start has to read in a cluster of eight with a million tasks in three copies. */
const ROWS_READ = 375_000
const spanMs = (Number(values.seconds) * 1000) / ROUNDS
const VALUE = { state: 'ready', attempts: [], filler: 'x'.repeat(450) }
const ROW = Buffer.from(JSON.stringify(VALUE))

/** Operations per second of `work`, which says how many it did. */
async function rate(work: () => Promise<number>): Promise<number> {
  const from = performance.now()
  let done = 0
  while (performance.now() - from < spanMs) done += await work()
  return (done * 1000) / (performance.now() - from)
}

/** One row appended and synced at a time. */
async function bareFsyncs(): Promise<number> {
  await using file = await open(join(directory, 'bare'), 'a')
  return await rate(async () => {
    await file.write(ROW)
    await file.datasync()
    return 1
  })
}

let key = 0
const write = () => ({ table: 'tasks' as const, key: `k${key++}`, value: VALUE })

const commitsBy = (store: SqliteStore, callers: number): Promise<number> =>
  rate(async () => {
    await Promise.all(Array.from({ length: callers }, () => store.commit([write()])))
    return callers
  })

const rowsBatched = (store: SqliteStore): Promise<number> =>
  rate(async () => {
    await store.commit(Array.from({ length: 5000 }, write))
    return 5000
  })

interface Round {
  readonly bareFsyncs: number
  readonly commitsOneCaller: number
  readonly commits64Callers: number
  readonly commits1024Callers: number
  readonly rowsBatched: number
}

async function round(store: SqliteStore): Promise<Round> {
  return {
    bareFsyncs: await bareFsyncs(),
    commitsOneCaller: await commitsBy(store, 1),
    commits64Callers: await commitsBy(store, 64),
    commits1024Callers: await commitsBy(store, 1024),
    rowsBatched: await rowsBatched(store),
  }
}

/** Longest turn of the event loop while something runs, in ms of this thread's CPU, which other processes do not touch. */
function busiestTurn(): () => number {
  let [worst, last] = [0, process.threadCpuUsage()]
  const look = (): void => {
    const now = process.threadCpuUsage()
    worst = Math.max(worst, now.user - last.user + now.system - last.system)
    last = now
    next = setImmediate(look)
  }
  let next = setImmediate(look)
  return () => {
    clearImmediate(next)
    return worst / 1_000
  }
}

interface Waits {
  readonly urgentMs: number
  readonly bulkMs: number
}

/** How long one more commit takes while 20,000 rows wait: as a voter's word, and as one of the crowd. */
async function waits(store: SqliteStore): Promise<Waits> {
  const timed = async (urgent: boolean): Promise<number> => {
    const crowd = Array.from({ length: 200 }, () => store.commit(Array.from({ length: 100 }, write)))
    await new Promise(resolve => setImmediate(resolve))
    const from = performance.now()
    await store.commit([{ table: 'grants', key: 'top', value: key }], urgent)
    const ms = performance.now() - from
    await Promise.all(crowd)
    return ms
  }
  return { urgentMs: await timed(true), bulkMs: await timed(false) }
}

interface Start {
  readonly rows: number
  readonly openMs: number
  readonly loadMs: number
  readonly rowsPerSecond: number
  readonly worstTurnMs: number
}

async function started(path: string): Promise<Start> {
  const from = performance.now()
  const store = await openStore(path)
  const openedAt = performance.now()
  const worst = busiestTurn()
  const rows = (await store.load('tasks')).length
  const loadMs = performance.now() - openedAt
  const worstTurnMs = worst()
  await store.close()
  return { rows, openMs: openedAt - from, loadMs, rowsPerSecond: (rows * 1_000) / loadMs, worstTurnMs }
}

const path = join(directory, 'store.sqlite')
const store = await openStore(path)
const rounds: Round[] = []
const lanes: Waits[] = []
let start: Start
try {
  for (let i = 0; i < ROUNDS; i++) {
    rounds.push(await round(store))
    lanes.push(await waits(store))
  }
  while (key < ROWS_READ) await store.commit(Array.from({ length: 5_000 }, write))
  await store.close()
  start = await started(path)
} finally {
  await store.close()
  rmSync(directory, { recursive: true })
}

if (values.json) console.log(JSON.stringify({ rounds, lanes, start }))
else {
  console.log('per second              worst    median      best   x bare fsync')
  for (const name of Object.keys(rounds[0] ?? {}) as (keyof Round)[]) {
    const sorted = rounds.map(each => each[name]).sort((a, b) => a - b)
    const ratios = rounds.map(each => each[name] / each.bareFsyncs).sort((a, b) => a - b)
    const cells = [sorted[0], sorted[Math.floor(ROUNDS / 2)], sorted.at(-1)].map(n => Math.round(n ?? 0))
    const ratio = ratios[Math.floor(ROUNDS / 2)] ?? 0
    console.log(name.padEnd(20), ...cells.map(n => String(n).padStart(9)), ratio.toFixed(2).padStart(12))
  }
  const ms = (n: number): string => `${n.toFixed(1)} ms`
  for (const { urgentMs, bulkMs } of lanes)
    console.log(`one more commit behind 20,000 rows: urgent ${ms(urgentMs)}, else ${ms(bulkMs)}`)
  const { rows, openMs, loadMs, rowsPerSecond, worstTurnMs } = start
  console.log(
    `start with ${rows} rows: opened in ${ms(openMs)}, read in ${ms(loadMs)} (${Math.round(rowsPerSecond)} rows/s), ` +
      `longest turn of the event loop ${ms(worstTurnMs)}`,
  )
}

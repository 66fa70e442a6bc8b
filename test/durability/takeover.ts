/**
 * Takeover: one of eight daemons owns all queued tasks and is killed with kill -9. When does the first of them start
 * elsewhere, when does every one of them have an owner again, and do all of them end well?
 *
 *   npm run takeover -- [--tasks=10000] [--repeats=3] [--json] [--out=FILE]
 *
 * The victim's places are occupied, so nothing of it runs before. Starts are read from the records of the survivors, which
 * carry the wall clock of this one machine; owners are asked for every 50 ms, so that figure is late by as much.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DaemonClient } from '../../src/cli/client.ts'
import { readBook } from '../../src/cli/cluster/books.ts'
import { keysOf } from '../bench/keys.ts'
import { until } from '../operations/cluster.ts'
import { publish, reportOf } from '../operations/report.ts'
import { Backlog } from './backlog.ts'
import { allOwned } from './owned-judge.ts'
import { startsElsewhere, type Taken, takeoverClaims } from './takeover-claims.ts'

const ASKED_MS = 50
const CONCURRENCY = 4

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '10000' },
    repeats: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const [count, repeats] = [Number(values.tasks), Number(values.repeats)]
if (!(count >= 1 && repeats >= 1)) throw new Error('--tasks and --repeats are numbers from 1 on')

async function once(backlog: Backlog, repeat: number): Promise<Taken> {
  const { cluster } = backlog
  const victim = cluster.names[(repeat * 3 + 3) % cluster.names.length] ?? ''
  const survivors = cluster.others(victim)
  await backlog.hold([victim])
  const keys = keysOf(victim, cluster.names, count, `takeover/${repeat}`)
  await backlog.add(count, i => ({ id: keys[i] ?? '', key: keys[i] ?? '', type: 'echo', payload: {} }))
  const total = await backlog.whole(count)
  const killedAt = Date.now()
  cluster.signal(victim, 'SIGKILL')
  backlog.letGo()
  for (;;) {
    const owned = await backlog.owned(survivors)
    if (allOwned(owned, total)) break
    if (Date.now() - killedAt > 60_000)
      throw new Error(`${owned?.tasks} of ${total} tasks have an owner after 60 s`)
    await pause(ASKED_MS)
  }
  const allOwnedS = (Date.now() - killedAt) / 1_000
  const starts = await ended(backlog, survivors, new Set(keys), killedAt)
  const allEndedS = (Date.now() - killedAt) / 1_000
  cluster.launch(victim)
  await cluster.whole()
  const [first] = starts.toSorted((a, b) => a - b)
  const firstStartS = first === undefined ? null : (first - killedAt) / 1_000
  return { victim, firstStartS, allOwnedS, allEndedS, succeeded: starts.length }
}

/** Waits until the survivors have run all of them; when each began there, wall clock ms. */
async function ended(
  backlog: Backlog,
  survivors: readonly string[],
  keys: ReadonlySet<string>,
  killedAt: number,
): Promise<readonly number[]> {
  return await until(`${keys.size} tasks have ended`, async () => {
    const clients = survivors.map(name => new DaemonClient(backlog.cluster.url(name)))
    const records = (await Promise.all(clients.map(client => readBook(client, 'owned')))).flat()
    return startsElsewhere(records, keys, killedAt)
  })
}

const report = reportOf('Takeover of queued tasks, eight real daemons, quorum mode, loopback', values)
const backlog = await Backlog.open({
  concurrency: CONCURRENCY,
  queueMax: Math.max(100_000, 2 * count * repeats),
})
const taken: Taken[] = []
try {
  for (let repeat = 0; repeat < repeats; repeat++) taken.push(await once(backlog, repeat))
} finally {
  await backlog.close()
}
publish(report(takeoverClaims(taken, { count, repeats }), taken), { json: values.json, out: values.out })

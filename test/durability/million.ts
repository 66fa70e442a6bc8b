/**
 * A million queued tasks in eight daemons: what each of them takes of memory, how long one takes from its start to serving
 * on the disk it had, and how long all of them take when all are started at once.
 *
 *   npm run million -- [--tasks=1000000] [--json] [--out=FILE]
 *
 * Nothing runs: every place of every node is occupied. *Serving* is: ready, shows a task that it owned before, and takes a
 * new one.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { keysOf } from '../bench/keys.ts'
import { treeOf } from '../faults/started.ts'
import { ringOf, until } from '../operations/cluster.ts'
import { publish, reportOf } from '../operations/report.ts'
import { atMost, fact, figure, type Shown, worst } from '../proof/line.ts'
import { Backlog } from './backlog.ts'

const SERVING_S = 10

/** The bound of a daemon's memory: what it takes when idle, and so much for each record on its disk, its own and copies. */
const IDLE_MIB = 200
const RECORD_KIB = 2
const COPIES = 3

/** Two are enough to be occupied. */
const CONCURRENCY = 2
const RESTARTS = 3
const ASKED_MS = 50

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const count = Number(values.tasks)
if (!(count >= 8)) throw new Error('--tasks is a number from 8 on')

const task = (i: number) => ({
  id: `million-${i}`,
  key: `million/${i}`,
  type: 'echo',
  payload: { number: i },
})

/** Memory of a daemon and all below it, in MiB. */
function residentMib(pid: number): number {
  return treeOf(pid).reduce((sum, each) => {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1]
    // What waits to be reaped has none; a daemon that is measured has.
    if (kib === undefined && each === pid) throw new Error(`process ${pid} has no memory: it has ended`)
    return sum + Number(kib ?? 0) / 1_024
  }, 0)
}

/** Kills one, starts it again, and tells how long after the start it served, in seconds. */
async function restarted(backlog: Backlog, victim: string, round: number): Promise<number> {
  const { cluster } = backlog
  cluster.signal(victim, 'SIGKILL')
  await cluster.process(victim).exited
  const startedAt = Date.now()
  cluster.launch(victim)
  await serves(backlog, victim, `again/${round}`)
  return (Date.now() - startedAt) / 1_000
}

/** Waits until a daemon is ready, shows a task that it owns, and takes a new one of its own. */
async function serves(backlog: Backlog, name: string, prefix: string): Promise<void> {
  const { cluster } = backlog
  await cluster.ready(name)
  const ring = ringOf(cluster.names)
  let number = 0
  while (ring.owner(task(number).key) !== name) number++
  const known = task(number)
  const [key = ''] = keysOf(name, cluster.names, 1, prefix)
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${cluster.url(name)}${path}`, init).then(
      ({ status }) => status,
      () => undefined,
    )
  await until(
    `${name} shows ${known.id}`,
    async () => (await ask(`/v1/tasks/${known.id}`)) === 200 || undefined,
  )
  const body = JSON.stringify({ id: key, key, type: 'echo', payload: {} })
  const headers = { 'content-type': 'application/json' }
  await until(`${name} takes a task`, async () => {
    const status = await ask('/v1/tasks', { method: 'POST', body, headers })
    return status === 202 || status === 200 || undefined
  })
}

/** Kills all at once, starts all at once. When the last of them served, and when every task had an owner, in seconds. */
async function allRestarted(backlog: Backlog, total: number): Promise<{ servingS: number; ownedS: number }> {
  const { cluster } = backlog
  for (const name of cluster.names) cluster.signal(name, 'SIGKILL')
  await Promise.all(cluster.names.map(name => cluster.process(name).exited))
  const startedAt = Date.now()
  for (const name of cluster.names) cluster.launch(name)
  await Promise.all(cluster.names.map(name => serves(backlog, name, 'all-again')))
  const servingS = (Date.now() - startedAt) / 1_000
  for (;;) {
    const owned = await backlog.owned(cluster.names)
    if (owned?.settled === true && owned.tasks >= total) break
    if (Date.now() - startedAt > 300_000)
      throw new Error(`${owned?.tasks} of ${total} tasks have an owner after 300 s`)
    await pause(ASKED_MS)
  }
  return { servingS, ownedS: (Date.now() - startedAt) / 1_000 }
}

interface Seen {
  readonly addedS: number
  readonly owned: number
  readonly residentMib: readonly number[]
  readonly restartsS: readonly number[]
  readonly residentAfterMib: readonly number[]
  readonly all: { readonly servingS: number; readonly ownedS: number }
}

async function measure(backlog: Backlog): Promise<Seen> {
  const { cluster } = backlog
  const resident = (): readonly number[] =>
    cluster.names.map(name => {
      const { pid } = cluster.process(name)
      if (pid === undefined) throw new Error(`${name} could not be started`)
      return residentMib(pid)
    })
  await backlog.hold()
  const from = Date.now()
  await backlog.add(count, task)
  const addedS = (Date.now() - from) / 1_000
  const owned = (await backlog.owned(cluster.names))?.tasks ?? 0
  const residentBefore = resident()
  const restartsS: number[] = []
  for (let round = 0; round < RESTARTS; round++) {
    const victim = cluster.names[(round * 3 + 1) % cluster.names.length] ?? ''
    restartsS.push(await restarted(backlog, victim, round))
    await cluster.whole()
  }
  const total = (await backlog.owned(cluster.names))?.tasks ?? 0
  const residentAfterMib = resident()
  const all = await allRestarted(backlog, total)
  return { addedS, owned, residentMib: residentBefore, restartsS, residentAfterMib, all }
}

function shownOf(seen: Seen): readonly Shown[] {
  const records = (count * COPIES) / 8
  const boundMib = Math.ceil(IDLE_MIB + (records * RECORD_KIB) / 1_024)
  const resident = [...seen.residentMib, ...seen.residentAfterMib]
  return [
    fact(
      `${count} tasks are queued in eight daemons`,
      seen.owned >= count,
      `${seen.owned} owned, added in ${seen.addedS.toFixed(1)} s`,
    ),
    atMost(
      `memory of a daemon with all below it: ${IDLE_MIB} MiB and ${RECORD_KIB} KiB for each of ${records} records`,
      worst(resident),
      boundMib,
      'MiB',
      resident,
    ),
    atMost(
      'one is killed and started on its disk: from its start to serving',
      worst(seen.restartsS),
      SERVING_S,
      's',
      seen.restartsS,
    ),
    figure(
      'all eight are killed and started at once, on these cores',
      `all serve after ${seen.all.servingS.toFixed(1)} s, every task has its owner after ${seen.all.ownedS.toFixed(1)} s`,
    ),
  ]
}

const report = reportOf('Queued tasks in eight real daemons, quorum mode, loopback', values)
const backlog = await Backlog.open({ concurrency: CONCURRENCY, queueMax: Math.max(100_000, count) })
let seen: Seen
try {
  seen = await measure(backlog)
} finally {
  await backlog.close()
}
publish(report(shownOf(seen), seen), { json: values.json, out: values.out })

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
import { NODES, ringOf, until } from '../operations/cluster.ts'
import { publish, reportOf } from '../operations/report.ts'
import { Backlog } from './backlog.ts'
import { type MillionSeen, millionClaims } from './million-claims.ts'
import { allOwned } from './owned-judge.ts'

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
    if (allOwned(owned, total)) break
    if (Date.now() - startedAt > 300_000)
      throw new Error(`${owned?.tasks} of ${total} tasks have an owner after 300 s`)
    await pause(ASKED_MS)
  }
  return { servingS, ownedS: (Date.now() - startedAt) / 1_000 }
}

async function measure(backlog: Backlog): Promise<MillionSeen> {
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
  const owned = await backlog.whole(count)
  const residentBefore = resident()
  const restartsS: number[] = []
  for (let round = 0; round < RESTARTS; round++) {
    const victim = cluster.names[(round * 3 + 1) % cluster.names.length] ?? ''
    restartsS.push(await restarted(backlog, victim, round))
    await cluster.whole()
  }
  const total = await backlog.whole(count)
  const residentAfterMib = resident()
  const all = await allRestarted(backlog, total)
  return { addedS, owned, residentMib: residentBefore, restartsS, residentAfterMib, all }
}

const report = reportOf('Queued tasks in eight real daemons, quorum mode, loopback', values)
const backlog = await Backlog.open({ concurrency: CONCURRENCY, queueMax: Math.max(100_000, count) })
let seen: MillionSeen
try {
  seen = await measure(backlog)
} finally {
  await backlog.close()
}
publish(report(millionClaims(seen, { count, daemons: NODES, restarts: RESTARTS }), seen), {
  json: values.json,
  out: values.out,
})

/** Schedules on whole nodes: real membership, rings, grants, heartbeats and disks, on virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asRequestId } from '../../src/base/ids.ts'
import type { Effect, ScheduleListReply } from '../../src/node/machine.ts'
import { orderSpec } from '../../src/tasks/schedules/orders.ts'
import { isSchedule, scheduleIdOf, slotTaskId } from '../../src/tasks/schedules/state.ts'
import { definition } from '../tasks/schedules/samples.ts'
import { TRUE_CLOCK, WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

/** How long one that is cut off may go on, in ms. */
const LEASE_MS = 2_500
/** After this, in ms, others have what a node did. */
const HEARD_MS = 500

interface Seen {
  readonly logs: {
    readonly host: number
    readonly event: string
    readonly fields: Readonly<Record<string, unknown>>
  }[]
  readonly runs: { readonly host: number; readonly task: string; readonly at: number }[]
  readonly replies: Map<string, Extract<Effect, { kind: 'reply' }>['reply']>
}

function made(options: Omit<ConstructorParameters<typeof Cluster>[0], 'list'>): {
  cluster: Cluster
  seen: Seen
} {
  const cluster = new Cluster({ list: [], ...options })
  const seen: Seen = { logs: [], runs: [], replies: new Map() }
  cluster.world.watch({
    input: () => undefined,
    effect: (process, effect) => {
      const { host } = process
      if (effect.kind === 'log') seen.logs.push({ host, event: effect.event, fields: effect.fields })
      if (effect.kind === 'execute')
        seen.runs.push({ host, task: effect.attempt.task, at: cluster.world.now })
      if (effect.kind === 'reply') seen.replies.set(effect.id, effect.reply)
    },
    broken: (_process, invariant, detail) => assert.fail(`${invariant}: ${detail}`),
    note: () => undefined,
  })
  return { cluster, seen }
}

const quorumOf = (count: number) => ({
  hosts: Array.from({ length: count }, () => ({
    clock: TRUE_CLOCK,
    seeds: Array.from({ length: count }, (_, i) => i),
  })),
  grants: { mode: 'quorum' as const, expectedNodes: count },
})

/** What the owner of now says of it. */
function ownerOf(cluster: Cluster, name: string): Host {
  for (const host of cluster.world.hosts) {
    if (cluster.nodeOf(host)?.ring.owner(name) === host.name) return host
  }
  return assert.fail(`somebody owns ${name}`)
}

test('a schedule of the configuration runs once a second through a partition of 3 and 5, a kill and a restart', () => {
  const { cluster, seen } = made({
    seed: 21,
    ...quorumOf(8),
    schedules: [definition('tick', { catchUp: 'all' })],
  })
  const { world } = cluster
  for (const host of world.hosts) world.start(host)
  const pass = (ms: number) => world.runUntil(world.now + ms)
  // Nothing happens at the turn of a second.
  pass(15_500)
  assert.ok(seen.runs.length >= 8, `${seen.runs.length} runs before anything happens`)
  const minority = world.hosts.slice(0, 3)
  const cutAt = world.now
  world.partition(minority, world.hosts.slice(3))
  pass(20_000)
  world.healAll()
  pass(15_000)
  const victim = ownerOf(cluster, 'tick')
  const killedAt = world.now
  world.crash(victim)
  pass(10_000)
  world.start(victim)
  pass(20_000)
  /** Begun where nobody else heard of it any more: within the lease of one that was cut off, or just before a kill. */
  const unheard = ({ host, at }: Seen['runs'][number]): boolean =>
    (minority.some(({ index }) => index === host) && at >= cutAt && at <= cutAt + LEASE_MS) ||
    (host === victim.index && at >= killedAt - HEARD_MS && at <= killedAt)
  const node = cluster.nodeOf(ownerOf(cluster, 'tick'))
  const record = node?.tasks.get(scheduleIdOf('tick'))
  assert.ok(node !== undefined && record !== undefined && isSchedule(record))
  const { decided } = record.schedule
  assert.ok(decided.to >= WALL_START_MS + world.now - 3_000, 'it goes on')
  for (let slot = WALL_START_MS + 16_000; slot <= decided.to - 2_000; slot += 1_000) {
    const task = slotTaskId('tick', slot)
    const listed = decided.lately.some(({ from, to }) => from <= slot && slot <= to)
    const runs = seen.runs.filter(run => run.task === task)
    assert.ok(runs.length > 0 || listed, `${task} ran or is listed`)
    const heard = runs.filter(run => !unheard(run))
    assert.ok(heard.length <= 1, `${task} ran on ${runs.map(({ host }) => host).join()}, and others knew`)
    const attempts = node.tasks.get(task)?.attempts ?? []
    assert.ok(listed || attempts.some(({ outcome }) => outcome === 'succeeded'), `${task} succeeded`)
  }
})

test('an owner whose clock is far from the others makes nothing and says so; the others do not care', () => {
  const schedules = Array.from({ length: 24 }, (_, i) => definition(`s${i}`, { catchUp: 'none' }))
  const { hosts, grants } = quorumOf(4)
  const wrong = hosts.map((host, i) =>
    i === 2 ? { ...host, clock: { ...TRUE_CLOCK, wallOffsetMs: 3_600_000 } } : host,
  )
  const { cluster, seen } = made({ seed: 22, hosts: wrong, grants, schedules })
  const { world } = cluster
  for (const host of world.hosts) world.start(host)
  world.runUntil(30_000)
  const paused = seen.logs.filter(({ event }) => event === 'schedules-paused')
  assert.deepEqual([...new Set(paused.map(({ host }) => host))], [2])
  assert.ok(Number(paused.at(-1)?.fields['aheadMs']) > 1_000_000)
  const late = seen.logs.filter(({ host, event }) => host === 2 && event === 'slot-run')
  assert.deepEqual(late, [], 'no slot of an hour that has not come')
  const owned = schedules.filter(({ name }) => ownerOf(cluster, name).index === 2)
  assert.ok(owned.length > 0 && owned.length < schedules.length)
  for (const { name } of schedules) {
    const runs = seen.runs.filter(({ task }) => task.startsWith(`${name}@`))
    assert.equal(runs.length > 0, !owned.some(each => each.name === name), name)
  }
})

test('also the first schedule of a node is not taken by a clock that is far from the others', () => {
  const { hosts, grants } = quorumOf(4)
  const wrong = hosts.map((host, i) =>
    i === 2 ? { ...host, clock: { ...TRUE_CLOCK, wallOffsetMs: 3_600_000 } } : host,
  )
  const { cluster, seen } = made({ seed: 24, hosts: wrong, grants })
  const { world } = cluster
  for (const host of world.hosts) world.start(host)
  world.runUntil(15_500)
  const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
  for (const [i, right] of [[2, false] as const, [1, true] as const]) {
    const owned = names.find(name => ownerOf(cluster, name).index === i)
    const host = world.hosts[i]
    assert.ok(owned !== undefined && host !== undefined)
    const id = asRequestId(`put-${i}`)
    const spec = orderSpec(owned, { op: 'put', definition: definition(owned) })
    host.process?.receive({ kind: 'request', id, request: { kind: 'submit', spec } })
    world.runUntil(world.now + 2_000)
    const reply = seen.replies.get(id)
    assert.ok(reply !== undefined)
    assert.equal(reply.ok, right)
    if (!reply.ok)
      assert.match(`${reply.failure.code} ${reply.failure.detail}`, /NOT_READY the clock of its owner/)
  }
})

test('any node lists the schedules of all, page by page, and names whom it did not hear', () => {
  const schedules = Array.from({ length: 30 }, (_, i) =>
    definition(`s${String(i).padStart(2, '0')}`, { everyMs: 60_000 }),
  )
  const { cluster, seen } = made({ seed: 23, ...quorumOf(4), schedules })
  const { world } = cluster
  for (const host of world.hosts) world.start(host)
  world.runUntil(12_000)
  const [first, , third] = world.hosts as [Host, Host, Host]
  const ask = (limit: number, after = ''): Extract<ScheduleListReply, { ok: true }>['page'] => {
    const id = cluster.listSchedules(first, limit, after)
    world.runUntil(world.now + 6_000)
    const reply = seen.replies.get(id)
    assert.ok(reply?.ok && 'page' in reply)
    return reply.page
  }
  const names: string[] = []
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = ask(8, after)
    assert.deepEqual(page.unsure, [])
    for (const line of page.schedules) assert.equal(line.owner, cluster.nodeOf(first)?.ring.owner(line.name))
    names.push(...page.schedules.map(({ name }) => name))
    after = page.next
  }
  assert.deepEqual(
    names,
    schedules.map(({ name }) => name),
  )
  world.freeze(third, 8_000)
  const id = cluster.listSchedules(first, 100)
  world.runUntil(world.now + 6_000)
  const reply = seen.replies.get(id)
  assert.ok(reply?.ok && 'page' in reply)
  assert.deepEqual(reply.page.unsure, [third.name])
})

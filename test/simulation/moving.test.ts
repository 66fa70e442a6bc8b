/** What a change of the ring costs: only records whose holders are others than before are sent or written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { Effect } from '../../src/node/machine.ts'
import type { Ring } from '../../src/ring/ring.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

const HOSTS = 6
const TASKS = 60
const key = (number: number): string => `moving-${number}`

/** Tasks that wait for an hour, each with a key of its own, on all but the last of six hosts, or on all. */
function filled(started: number) {
  const everyone = Array.from({ length: HOSTS }, (_, index) => index)
  const voters = ['n1', 'n2', 'n3'].map(asNodeId)
  const cluster = new Cluster({
    seed: 5,
    hosts: everyone.map(() => ({ seeds: [0, 1, 2] })),
    list: [],
    grants: { mode: 'quorum', voters },
  })
  const { world } = cluster
  for (const from of everyone)
    for (const to of everyone) if (from !== to) world.paths.setDelay(from, to, 0.5, 0.2)
  for (const host of world.hosts.slice(0, started)) world.start(host)
  world.runUntil(10_000)
  for (let number = 0; number < TASKS; number++) submit(world.hosts[number % started] as Host, number)
  world.runUntil(15_000)
  return { cluster, world, last: world.hosts[HOSTS - 1] as Host }
}

function submit(host: Host, number: number): void {
  const limits = { maxAttempts: 3, backoffMs: 100, backoffMsMax: 1_000, timeoutMs: 1_000 }
  const runAt = wallOf(WALL_START_MS + 3_600_000)
  const task = {
    id: asTaskId(key(number)),
    key: key(number),
    type: 'echo',
    payload: null,
    priority: 1,
  } as const
  const spec = { ...task, ...limits, runAt }
  host.process?.receive({ kind: 'request', id: asRequestId(key(number)), request: { kind: 'submit', spec } })
}

/** Times that each record was sent or written after a change. */
function moved({ cluster, world }: ReturnType<typeof filled>, change: () => void) {
  const sent = new Map<string, number>()
  const add = (task: string): void => void sent.set(task, (sent.get(task) ?? 0) + 1)
  world.watch({
    input: () => {},
    broken: (_process, invariant, detail) => assert.fail(`${invariant}: ${detail}`),
    note: () => {},
    effect: (_process, effect: Effect) => {
      if (effect.kind === 'send' && 'records' in effect.message)
        for (const { spec } of effect.message.records) add(spec.id)
      if (effect.kind === 'persist')
        for (const { table, key: row } of effect.writes) if (table === 'tasks') add(row)
    },
  })
  const ring = (): Ring => cluster.nodeOf(world.hosts[0] as Host)?.ring as Ring
  const before = ring()
  change()
  world.runUntil(30_000)
  const after = ring()
  assert.notEqual(before.checksum, after.checksum)
  const all = Array.from({ length: TASKS }, (_, number) => key(number))
  const stays = (each: string): boolean =>
    before.preferenceList(each, 3).join() === after.preferenceList(each, 3).join()
  const timesOf = (keys: readonly string[]): number =>
    keys.reduce((sum, each) => sum + (sent.get(each) ?? 0), 0)
  const others = all.filter(each => !stays(each))
  return { staying: timesOf(all.filter(stays)), moving: timesOf(others), others: others.length }
}

test('a node that dies moves its own records, one copy each, and no others', () => {
  const scene = filled(HOSTS)
  const { staying, moving, others } = moved(scene, () => scene.world.crash(scene.last))
  assert.ok(others > 10 && others < TASKS, `${others}`)
  assert.equal(staying, 0)
  // A copy, its write, and for those with a new owner an answer to its question.
  assert.ok(moving >= 2 * others && moving <= 4 * others, `${moving} for ${others}`)
})

test('a node that joins is sent its own records, and no others move', () => {
  const scene = filled(HOSTS - 1)
  const { staying, others } = moved(scene, () => scene.world.start(scene.last))
  assert.ok(others > 10 && others < TASKS, `${others}`)
  assert.equal(staying, 0)
})

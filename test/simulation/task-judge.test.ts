/** The judge of tasks on histories that are wrong, and on those beside them that are right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { WALL_START_MS } from './clock.ts'
import { Cluster, makeSpec } from './cluster.ts'
import type { Run } from './collector.ts'
import { Findings } from './findings.ts'
import { Promised } from './promised.ts'
import { makeSchedule } from './schedule.ts'
import { shapeOf } from './shape.ts'
import { resultOf, TaskJudge } from './task-judge.ts'
import { GROUP_LIMIT, type WorkPlan } from './work.ts'

const NAMES = ['n1', 'n2', 'n3'].map(asNodeId)
const ID = asTaskId('judged')
const SPEC: TaskSpec = { ...makeSpec(ID, 1), key: 'key 1' }
/** Long after all of this. */
const LATER = wallOf(WALL_START_MS + 3_600_000)

/** Three nodes that run, and what judges their tasks. */
function scene(tasks: WorkPlan['tasks'] = {}) {
  const drawn = makeSchedule(shapeOf(3, { mode: 'quorum', nodes: 3, extras: 'none' }))
  const work = { ...drawn.work, tasks, forgetful: false }
  const schedule = { ...drawn, durability: 2 as const, modes: [], work }
  const hosts = NAMES.map(() => ({ seeds: [0, 1, 2] }))
  const cluster = new Cluster({ seed: 1, hosts, list: [], tasks, grants: { mode: 'quorum', voters: NAMES } })
  const findings = new Findings(() => cluster.world.now)
  for (const host of cluster.world.hosts) cluster.world.start(host)
  cluster.world.runUntil(8_000)
  const promised = new Promised(cluster, schedule, findings)
  const judge = new TaskJudge({ cluster, schedule, findings, promised })
  let requests = 0
  /** Somebody submits a task to the first node, and hears that it is accepted when these have lost their disks. */
  const accepts = (record: TaskRecord, lost: readonly number[]): string | undefined => {
    const by = cluster.world.hosts[0]?.process ?? assert.fail('n1 runs')
    const id = asRequestId(`w${++requests}`)
    judge.input(by, { kind: 'request', id, request: { kind: 'submit', spec: record.spec } })
    for (const host of lost) cluster.world.hosts[host]?.disk.wipe()
    judge.replied(by, { kind: 'reply', id, reply: { ok: true, record, existed: false, durableCopies: 2 } })
    return findings.violation?.invariant
  }
  /** Somebody asks the first node about a task, and is answered with this. */
  const tells = (record: TaskRecord): string | undefined => {
    const by = cluster.world.hosts[0]?.process ?? assert.fail('n1 runs')
    const id = asRequestId(`w${++requests}`)
    judge.input(by, { kind: 'request', id, request: { kind: 'get', task: record.spec.id } })
    judge.replied(by, { kind: 'reply', id, reply: { ok: true, record, existed: true, durableCopies: 2 } })
    return findings.violation?.invariant
  }
  /** Somebody asks the first node about a task, and is told that there is none. */
  const forgets = (task: TaskRecord): string | undefined => {
    const by = cluster.world.hosts[0]?.process ?? assert.fail('n1 runs')
    const id = asRequestId(`w${++requests}`)
    cluster.world.runUntil(cluster.world.now + 1)
    judge.input(by, { kind: 'request', id, request: { kind: 'get', task: task.spec.id } })
    const failure = { code: 'TASK_UNKNOWN', detail: 'as the test says' } as const
    judge.replied(by, { kind: 'reply', id, reply: { ok: false, failure } })
    return findings.violation?.invariant
  }
  return { cluster, findings, tells, accepts, forgets }
}

type Times = Pick<Run, 'host' | 'startedAt'> & Partial<Pick<Run, 'endedAt' | 'end'>>

/** A run under this token, which every disk knows of; later runs have later numbers. */
function runs({ cluster }: ReturnType<typeof scene>, ...given: readonly (readonly [string, Times])[]) {
  const made = given.map(([value, times], place): Run => {
    const boot = cluster.world.hosts[times.host]?.process?.boot ?? assert.fail('it runs')
    const what = { task: ID, key: SPEC.key, attempt: place + 1, boot, token: { value, safe: true } }
    return { ...what, endedAt: undefined, end: 'running', exceptedUntil: -1, ...times }
  })
  const attempts = made.map(({ attempt: number, token, host, startedAt }) => {
    return { number, node: NAMES[host] ?? assert.fail(), startedAt: wallOf(startedAt), token: token.value }
  })
  const row: TaskRecord = { ...freshRecord(SPEC, 'api', wallOf(1_000), NAMES, 1), state: 'running', attempts }
  for (const { disk } of cluster.world.hosts) disk.apply([{ table: 'tasks', key: ID, value: row }])
  for (const run of made) cluster.world.collector.began(run)
  return made
}

const ended = (result: TaskRecord['result'], more: Partial<TaskRecord> = {}): TaskRecord => ({
  ...freshRecord(SPEC, 'api', wallOf(1_000), NAMES, 1),
  ...{ revision: 3, state: 'succeeded', settledAt: wallOf(4_000), term: 5 },
  ...(result !== undefined && { result }),
  ...more,
})

test('a result of a run is stale when a later owner had begun the task before that run ended', () => {
  const wrong = scene()
  const first = { host: 0, startedAt: 4_000, endedAt: 6_000, end: 'succeeded' } as const
  const [stale] = runs(wrong, ['5', first], ['6', { host: 1, startedAt: 5_999 }])
  assert.equal(wrong.tells(ended(resultOf(stale as Run))), 'a stale result is refused')
  assert.match(wrong.findings.violation?.detail ?? '', /beside token 6 since 5.999 s/)
})

test('it is not when the later owner began after its end, has no higher token, or made the result itself', () => {
  const first = { host: 0, startedAt: 4_000, endedAt: 6_000, end: 'succeeded' } as const
  const after = scene()
  const [early] = runs(after, ['5', first], ['6', { host: 1, startedAt: 6_000 }])
  assert.equal(after.tells(ended(resultOf(early as Run))), undefined)
  const same = scene()
  const [one] = runs(same, ['6', first], ['6', { host: 0, startedAt: 5_000 }])
  assert.equal(same.tells(ended(resultOf(one as Run))), undefined)
  const won = scene()
  const [, later] = runs(won, ['5', first], ['6', { ...first, host: 1, startedAt: 5_000 }])
  assert.equal(won.tells(ended(resultOf(later as Run))), undefined)
})

test('a run that is still under way is overtaken by whoever begins now', () => {
  const wrong = scene()
  const [stale] = runs(wrong, ['9', { host: 0, startedAt: 4_000 }], ['10', { host: 1, startedAt: 7_000 }])
  assert.equal(wrong.tells(ended(resultOf(stale as Run))), 'a stale result is refused')
})

test('a result that no run has made is wrong, also where another attempt has run', () => {
  assert.equal(scene().tells(ended('made up')), 'a result has a run')
  const other = scene()
  const run = { host: 0, startedAt: 4_000, endedAt: 6_000, end: 'succeeded' } as const
  const [one] = runs(other, ['5', run])
  const result = resultOf(one as Run)
  assert.equal(other.tells(ended({ ...result, token: '4' })), 'a result has a run')
})

test('the end of a task that was told is told again as it was, whoever tells it', () => {
  const run = { host: 0, startedAt: 4_000, endedAt: 6_000, end: 'succeeded' } as const
  const cancelled = (more: Partial<TaskRecord>): TaskRecord =>
    ended(undefined, { state: 'cancelled', ...more })
  const right = scene()
  const [one] = runs(right, ['5', run])
  const end = ended(resultOf(one as Run))
  assert.equal(right.tells(end), undefined)
  assert.equal(right.tells({ ...end, revision: 7, term: 6 }), undefined, 'written anew by a later owner')
  const redriven = { times: 1, after: 1, at: wallOf(7_000) }
  assert.equal(right.tells(cancelled({ redriven })), undefined, 'another round of it')
  assert.equal(right.tells(cancelled({})), 'an end that was told stays')
  const later = scene()
  assert.equal(later.tells(cancelled({})), undefined)
  assert.equal(later.tells(cancelled({ settledAt: wallOf(4_001) })), 'an end that was told stays')
})

/** Tasks that the first node knows, each begun there though their limits would not have it. */
function begun(limits: WorkPlan['tasks'], ...given: readonly Partial<TaskSpec>[]): string | undefined {
  const { cluster, findings } = scene(limits)
  const host = cluster.world.hosts[0] ?? assert.fail('n1 is there')
  const { process } = host
  assert.ok(process !== undefined)
  const specs = given.map((more, number): TaskSpec => {
    return {
      ...makeSpec(`limited-${number}`, number),
      key: `key ${number}`,
      type: 'echo',
      runAt: LATER,
      ...more,
    }
  })
  for (const [number, spec] of specs.entries())
    process.receive({ kind: 'request', id: asRequestId(`r${number}`), request: { kind: 'submit', spec } })
  cluster.world.runUntil(11_000)
  for (const { id: task, key } of specs) {
    assert.ok(cluster.nodeOf(host)?.tasks.get(task) !== undefined, `n1 knows ${task}`)
    const what = { task, key, attempt: 1, host: 0, boot: process.boot, token: { value: '5', safe: false } }
    const { now } = cluster.world
    cluster.world.collector.began({
      ...what,
      startedAt: now,
      endedAt: undefined,
      end: 'running',
      exceptedUntil: -1,
    })
  }
  return findings.violation?.invariant
}

test('on a node no more of a type run than its limit says', () => {
  const limits = { typeConcurrency: { echo: 2 } }
  assert.equal(begun(limits, {}, {}), undefined)
  assert.equal(begun(limits, {}, {}, { type: 'exec' }), undefined)
  assert.equal(begun(limits, {}, {}, {}), 'limits hold')
})

test('nor more of a group, and nothing beside another task of its key unless both may', () => {
  const group = { group: 'g0', groupLimit: GROUP_LIMIT }
  assert.equal(begun({}, group, group, {}), undefined)
  assert.equal(begun({}, group, group, group), 'limits hold')
  assert.equal(begun({ groupConcurrency: { g0: 1 } }, group, group), 'limits hold')
  const key = 'key 1'
  assert.equal(begun({}, { key, concurrent: true }, { key, concurrent: true }), undefined)
  assert.equal(begun({}, { key, concurrent: true }, { key }), 'limits hold')
})

test('what is accepted is on a disk, but where all of fewer holders than copies are wanted lost theirs', () => {
  const accepted = freshRecord(SPEC, 'api', wallOf(1_000), NAMES, 1)
  const alone = { ...accepted, holders: NAMES.slice(2) }
  assert.equal(scene().accepts(accepted, [2]), 'accepted is on a disk')
  assert.equal(scene().accepts(alone, [1]), 'accepted is on a disk')
  assert.equal(scene().accepts(alone, [2]), undefined)
})

test('what was accepted is known, but where all of fewer holders than copies are wanted lost their disks since', () => {
  const accepted = freshRecord(SPEC, 'api', wallOf(1_000), NAMES, 1)
  for (const [holders, wiped, expected] of [
    [NAMES, [2], 'an accepted task is known'],
    [NAMES.slice(2), [1], 'an accepted task is known'],
    [NAMES.slice(2), [2], undefined],
  ] as const) {
    const judged = scene()
    const record = { ...accepted, holders }
    for (const { disk } of judged.cluster.world.hosts)
      disk.apply([{ table: 'tasks', key: ID, value: record }])
    assert.equal(judged.accepts(record, []), undefined)
    for (const host of wiped) judged.cluster.world.hosts[host]?.disk.wipe()
    assert.equal(judged.forgets(record), expected)
  }
})

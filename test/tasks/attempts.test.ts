import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LINK_FRAME_BYTES_MAX } from '../../src/adapters/libp2p/limits.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { wallOf } from '../../src/base/time.ts'
import {
  beginAttempt,
  endAttempt,
  expireTask,
  type Fate,
  loseAttempts,
  takeBackAttempt,
} from '../../src/tasks/attempts.ts'
import { jsonBytes } from '../../src/tasks/json.ts'
import { backoffMs, crashesOf, exhausted, LOST_MAX, SILENT_MAX, triesOf } from '../../src/tasks/retry.ts'
import {
  ATTEMPTS_KEPT,
  type Attempt,
  type Outcome,
  type TaskRecord,
  type TaskState,
  TRANSITIONS,
} from '../../src/tasks/task.ts'
import { freshRecord, transition } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const here = asNodeId('n1')
const there = asNodeId('n2')
const holders = [here, there]
const random = new Random(1)
const fresh = freshRecord(spec('t'), 'api', wallOf(0), holders, 1)
const failed: Outcome = { ok: false, retryable: true, error: { code: 'THREW', message: 'no' } }
const done: Outcome = { ok: true, result: 42 }
const last = (record: TaskRecord): Attempt => record.attempts.at(-1) as Attempt
const begin = (record: TaskRecord, node: NodeId, at: number) =>
  beginAttempt(record, { node, at: wallOf(at), token: '7', holders })
const end = (record: TaskRecord, outcome: Outcome, attempt = last(record)) =>
  endAttempt(record, { attempt, outcome, at: wallOf(50), holders }, random)

test('only the legal transitions are made, each a new revision', () => {
  const states = Object.keys(TRANSITIONS) as TaskState[]
  for (const from of states) {
    for (const to of states) {
      const record = { ...fresh, state: from }
      const legal: readonly TaskState[] = TRANSITIONS[from]
      if (!legal.includes(to)) assert.throws(() => transition(record, to), AssertionError, `${from} to ${to}`)
      else assert.deepEqual([transition(record, to).state, transition(record, to).revision], [to, 2])
    }
  }
})

test('an attempt begins with the next number and its node, and ends with its report', () => {
  const running = begin(fresh, here, 10)
  assert.deepEqual(running.attempts, [{ number: 1, node: here, startedAt: 10, token: '7' }])
  const settled = end(running, done)
  assert.equal(settled.state, 'succeeded')
  assert.equal(settled.result, 42)
  assert.equal(settled.settledAt, 50)
  assert.deepEqual(settled.attempts, [
    { number: 1, node: here, startedAt: 10, token: '7', endedAt: 50, outcome: 'succeeded' },
  ])
})

test('a record fits a frame, whatever was said when its attempts failed', () => {
  const [payload, result] = ['x'.repeat(512 * 1024 - 2), 'y'.repeat(256 * 1024 - 2)]
  for (const character of ['\u0001', '\\', 'ж', '嗨', '🙂', 'x']) {
    const error = { code: 'EXIT_NONZERO', message: character.repeat(10_000) } as const
    let record = freshRecord(spec('t', { payload, maxAttempts: 100 }), 'api', wallOf(0), holders, 1)
    for (let i = 1; i < ATTEMPTS_KEPT; i++) {
      const retrying = end(begin(record, here, i), { ok: false, retryable: true, error })
      record = transition(retrying, 'ready')
    }
    const bytes = jsonBytes(end(begin(record, here, 99), { ok: true, result }))
    assert.ok(bytes < LINK_FRAME_BYTES_MAX - 8 * 1024, `${bytes} bytes with ${JSON.stringify(character)}`)
    const chars = record.attempts.at(-1)?.error?.message.length
    assert.equal(chars, character === '\u0001' ? 2_000 : 4_000)
  }
})

test('a failure pauses the task and its success later leaves no error behind', () => {
  const retrying = end(begin(fresh, here, 10), failed)
  assert.equal(retrying.state, 'retrying')
  assert.ok((retrying.notBefore ?? 0) >= 50 + 250 && (retrying.notBefore ?? 0) <= 50 + 500)
  const ready = transition(retrying, 'ready')
  assert.equal(ready.notBefore, undefined)
  const settled = end(begin(ready, there, 60), done)
  assert.equal(settled.error, undefined)
  assert.deepEqual(
    settled.attempts.map(attempt => attempt.outcome),
    ['failed', 'succeeded'],
  )
})

test('the last attempt that fails, or one that cannot be mended, ends the task', () => {
  const once = { ...fresh, spec: { ...fresh.spec, maxAttempts: 1 } }
  assert.equal(end(begin(once, here, 1), failed).state, 'dead')
  const hopeless: Outcome = { ...failed, retryable: false }
  const dead = end(begin(fresh, here, 1), hopeless)
  assert.equal(dead.state, 'dead')
  assert.deepEqual(dead.error, failed.error)
})

test('an attempt given up for lost is tried again at once, and at the third time never', () => {
  let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: 50 } }
  for (let i = 1; i <= LOST_MAX; i++) {
    record = loseAttempts(begin(record, there, i), () => 'away', wallOf(i), holders)
    assert.equal(record.state, i < LOST_MAX ? 'ready' : 'dead')
  }
  assert.equal(exhausted(record), 'poison')
  assert.equal(record.error?.code, 'POISON')
  assert.match(
    record.error?.message ?? '',
    /^3 attempts went away .*: attempt 1 on n2 \(NODE_LOST\), attempt 2 on n2 /,
  )
})

test('a success that comes after the attempt was given up still counts', () => {
  const running = begin(fresh, here, 1)
  const lost = loseAttempts(running, () => 'away', wallOf(2), holders)
  const late = end(lost, done, last(running))
  assert.deepEqual([late.state, late.attempts[0]?.outcome], ['succeeded', 'succeeded'])
  const elsewhere = begin(lost, there, 3)
  const overtaken = end(elsewhere, done, last(running))
  assert.deepEqual(
    overtaken.attempts.map(attempt => attempt.outcome),
    ['succeeded', undefined],
  )
  const paused = end(elsewhere, failed)
  assert.equal(end(paused, done, last(running)).state, 'succeeded')
})

test('a failure that comes after the attempt was given up is only noted', () => {
  const running = begin(fresh, here, 1)
  const elsewhere = begin(
    loseAttempts(running, () => 'away', wallOf(2), holders),
    there,
    3,
  )
  const noted = end(elsewhere, failed, last(running))
  assert.equal(noted.state, 'running')
  assert.equal(noted.attempts[0]?.outcome, 'failed')
  const paused = end(elsewhere, failed)
  assert.equal(end(paused, failed, last(running)).notBefore, paused.notBefore)
  const settled = end(elsewhere, done)
  assert.equal(end(settled, failed, last(running)).state, 'succeeded')
})

test('an attempt that was taken back counts against nothing', () => {
  const once = { ...fresh, spec: { ...fresh.spec, maxAttempts: 1 } }
  const running = begin(once, here, 1)
  const back = takeBackAttempt(running, last(running), wallOf(2), holders)
  assert.equal(back.state, 'ready')
  assert.equal(exhausted(back), undefined)
  assert.equal(end(begin(back, there, 3), failed).state, 'dead')
})

test('a lost runner is a lost attempt', () => {
  const error = { code: 'RUNNER_LOST', message: 'killed' } as const
  const record = end(begin(fresh, here, 1), { ok: false, retryable: true, error })
  assert.deepEqual([record.state, record.attempts[0]?.outcome], ['retrying', 'lost'])
})

test('the newest attempts are kept, and numbers go on', () => {
  let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: 100 } }
  for (let i = 0; i < 30; i++) record = transition(end(begin(record, here, i), failed), 'ready')
  assert.equal(record.attempts.length, ATTEMPTS_KEPT)
  assert.equal(last(record).number, 30)
})

test('an attempt that counts does so also when it is kept no more, and one of the same number that does not would be', () => {
  let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: ATTEMPTS_KEPT } }
  for (let i = 1; i < ATTEMPTS_KEPT; i++) record = transition(end(begin(record, here, i), failed), 'ready')
  const [first, ...others] = record.attempts
  assert.ok(first)
  const fenced = { ...first, node: there, outcome: 'fenced' } as const
  record = { ...record, attempts: [first, fenced, ...others] }
  assert.equal(triesOf(record), ATTEMPTS_KEPT - 1)
  const ended = end(begin(record, here, 99), failed)
  assert.deepEqual([triesOf(ended), ended.state], [ATTEMPTS_KEPT, 'dead'])
})

test('the pause doubles up to its ceiling and is jittered by half', () => {
  const task = spec('t', { backoffMs: 100, backoffMsMax: 1_000 })
  for (const [attempt, full] of [
    [1, 100],
    [2, 200],
    [4, 800],
    [5, 1_000],
    [60, 1_000],
  ] as const) {
    const pauses = Array.from({ length: 200 }, () => backoffMs(task, attempt, random))
    assert.ok(pauses.every(pause => pause >= full / 2 && pause <= full))
    assert.ok(Math.max(...pauses) - Math.min(...pauses) > full / 4, 'it is spread')
  }
})

const lose = (record: TaskRecord, fate: Fate, at = 5) => loseAttempts(record, () => fate, wallOf(at), holders)

test('an attempt of a node that was fenced, seen or concluded, counts neither as an attempt nor as a crash', () => {
  for (const fate of ['stopped', 'stopped-away'] as const) {
    let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: 1 } }
    for (let i = 1; i < SILENT_MAX; i++) record = lose(begin(record, there, i), fate, i)
    assert.deepEqual([record.state, triesOf(record), crashesOf(record)], ['ready', 0, 0], fate)
    assert.equal(end(begin(record, here, 50), failed).state, 'dead', fate)
  }
})

test('an attempt whose process ended counts as an attempt and as a crash', () => {
  const once = { ...fresh, spec: { ...fresh.spec, maxAttempts: 1 } }
  const dead = lose(begin(once, there, 1), 'crashed')
  assert.deepEqual([dead.state, dead.error?.code], ['dead', 'NODE_CRASHED'])
  assert.deepEqual([triesOf(dead), crashesOf(dead)], [1, 1])
})

test('crashes are counted across nodes, kept attempts or not, and what was fenced between them does not help', () => {
  let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: 100 } }
  for (let i = 1; i < LOST_MAX; i++) {
    record = lose(begin(record, asNodeId(`n${i}`), i), 'crashed')
    for (let j = 0; j < ATTEMPTS_KEPT; j++) record = lose(begin(record, there, i), 'stopped')
  }
  assert.deepEqual([record.state, record.crashes], ['ready', LOST_MAX - 1])
  const dead = lose(begin(record, here, 100), 'crashed')
  assert.deepEqual([dead.state, dead.error?.code], ['dead', 'POISON'])
  assert.match(
    dead.error?.message ?? '',
    /^3 attempts went away with their node, runner or client: .* on n1 \(NODE_CRASHED\)/,
  )
})

test('a runner that is lost three times is poison, whatever attempts are left', () => {
  const error = { code: 'RUNNER_LOST', message: 'killed' } as const
  let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: 100 } }
  for (let i = 1; i < LOST_MAX; i++) {
    record = transition(end(begin(record, here, i), { ok: false, retryable: true, error }), 'ready')
  }
  const dead = end(begin(record, here, 9), { ok: false, retryable: true, error })
  assert.deepEqual([dead.state, dead.error?.code], ['dead', 'POISON'])
})

test('a fixed pause is always the same, and none is none', () => {
  for (const tries of [1, 2, 7]) {
    assert.equal(backoffMs(spec('t', { backoff: 'fixed', backoffMs: 300 }), tries, random), 300)
    assert.equal(backoffMs(spec('t', { backoff: 'none', backoffMs: 300 }), tries, random), 0)
  }
})

test('a retry that would come too late is none, and the dead letter says what failed last', () => {
  const hasty = { ...fresh, spec: { ...fresh.spec, backoff: 'fixed' as const, expiresAt: wallOf(400) } }
  const dead = end(begin(hasty, here, 1), failed)
  assert.deepEqual([dead.state, dead.error?.code], ['dead', 'EXPIRED'])
  assert.match(dead.error?.message ?? '', /by 400 .* the last attempt ended THREW: no$/)
  const inTime = { ...hasty, spec: { ...hasty.spec, expiresAt: wallOf(1_000) } }
  assert.equal(end(begin(inTime, here, 1), failed).state, 'retrying')
})

test('a task expires from wherever it waits', () => {
  for (const state of ['scheduled', 'ready', 'retrying'] as const) {
    const expired = expireTask({ ...fresh, state }, wallOf(9), holders)
    assert.deepEqual([expired.state, expired.settledAt, expired.error?.code], ['dead', 9, 'EXPIRED'])
    assert.match(expired.error?.message ?? '', /it was not tried$/)
  }
})

test('a task under which ten nodes fell silent, and none of them came back, is poison; one that came back does not count', () => {
  let record: TaskRecord = { ...fresh, spec: { ...fresh.spec, maxAttempts: 1 } }
  for (let i = 1; i < SILENT_MAX; i++) record = lose(begin(record, asNodeId(`n${i}`), i), 'stopped-away')
  const dead = lose(begin(record, there, 50), 'stopped-away')
  assert.deepEqual([dead.state, dead.error?.code], ['dead', 'POISON'])
  assert.match(dead.error?.message ?? '', /the nodes of 10 fell silent: attempt 1 on n1 \(NODE_LOST\)/)
  const [first, ...others] = record.attempts
  assert.ok(first)
  const error = { code: 'FENCED', message: 'it says so itself' } as const
  const told = { ...record, attempts: [{ ...first, error }, ...others] }
  assert.equal(lose(begin(told, there, 50), 'stopped-away').state, 'ready')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import { slotTaskId } from '../../src/tasks/schedules/state.ts'
import { parseTaskSpec, sameSpec, sameWork } from '../../src/tasks/spec.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { parseTaskList } from '../../src/tasks/task-list.ts'

const defaults = tasksDefaults(2)
const parse = (value: unknown) => parseTaskSpec(value, defaults, () => '77')
const inList = (value: unknown) => parseTaskSpec(value, defaults, undefined)

function problemsOf(value: unknown, parser = parse): string[] {
  const parsed = parser(value)
  assert.ok(!parsed.ok, 'it is refused')
  for (const { expected, got } of parsed.problems) assert.ok(expected.length > 0 && got.length > 0)
  return parsed.problems.map(problem => problem.at)
}

test('a task that was placed is the same when it is handed in again under the id that it got', () => {
  const made = parseTaskSpec({ type: 'echo' }, { ...tasksDefaults(4), placement: 'random' }, () => 'made')
  const again = parseTaskSpec(
    { type: 'echo', id: 'made' },
    { ...tasksDefaults(4), placement: 'random' },
    () => '',
  )
  assert.ok(made.ok && again.ok)
  assert.equal(made.spec.placement, 'random')
  assert.ok(sameSpec(made.spec, again.spec))
})

test('what is not said is filled in', () => {
  const parsed = parse({ type: 'echo' })
  assert.deepEqual(parsed, {
    ok: true,
    spec: {
      id: '77',
      key: '77',
      type: 'echo',
      payload: null,
      priority: 1,
      maxAttempts: defaults.maxAttempts,
      backoffMs: defaults.backoffMs,
      backoffMsMax: defaults.backoffMsMax,
      timeoutMs: defaults.timeoutMs,
    },
  })
})

test('what is said is kept', () => {
  const all = {
    id: 'a/b',
    key: 'käse',
    type: 'exec',
    payload: { args: ['x'] },
    priority: 3,
    maxAttempts: 9,
    backoffMs: 0,
    backoffMsMax: 10,
    timeoutMs: 1,
  }
  assert.deepEqual(parse(all), { ok: true, spec: all })
})

const NEW = {
  id: 'x',
  key: 'k',
  type: 'echo',
  backoff: 'fixed',
  concurrent: true,
  group: 'g',
  groupLimit: 3,
  runAt: 10,
  expiresAt: 11,
}

test('what limits it, when it runs and how it is retried is kept, and sameness counts it', () => {
  const parsed = parse(NEW)
  assert.ok(parsed.ok)
  assert.deepEqual({ ...parsed.spec, ...NEW }, parsed.spec)
  for (const field of ['backoff', 'concurrent', 'group', 'groupLimit', 'runAt', 'expiresAt'] as const) {
    const { [field]: _, ...less } = NEW
    const other = parse(field === 'group' ? { ...NEW, group: 'h' } : less)
    assert.ok(other.ok && !sameSpec(parsed.spec, other.spec), field)
  }
  const usual = parse({ id: 'x', key: 'k', type: 'echo', backoff: 'exponential', concurrent: false })
  assert.ok(usual.ok)
  assert.deepEqual([usual.spec.backoff, usual.spec.concurrent], [undefined, undefined])
})

test('a group with a limit is the key of its tasks, which then run side by side', () => {
  const of = (fields: object) => {
    const parsed = parse({ type: 'echo', group: 'g', ...fields })
    assert.ok(parsed.ok)
    return [parsed.spec.id, parsed.spec.key, parsed.spec.concurrent]
  }
  assert.deepEqual(of({ groupLimit: 2 }), ['77', 'group/g', true])
  assert.deepEqual(of({ groupLimit: 2, concurrent: false }), ['77', 'group/g', undefined])
  assert.deepEqual(of({ groupLimit: 2, key: 'mine' }), ['77', 'mine', undefined])
  assert.deepEqual(of({}), ['77', '77', undefined])
})

test('what cannot be promised together is refused', () => {
  assert.deepEqual(problemsOf({ type: 'echo', groupLimit: 2 }), ['group'])
  assert.deepEqual(problemsOf({ type: 'echo', runAt: 20, expiresAt: 20 }), ['expiresAt'])
  assert.deepEqual(problemsOf({ type: 'echo', placement: 'random', key: 'k' }), ['placement'])
  assert.deepEqual(problemsOf({ type: 'echo', placement: 'random', id: 'x' }), ['placement'])
  assert.deepEqual(problemsOf({ type: 'echo', placement: 'random', group: 'g', groupLimit: 1 }), [
    'placement',
  ])
  assert.deepEqual(problemsOf({ type: 'echo', placement: 'nearest', backoff: 'linear', concurrent: 1 }), [
    'concurrent',
    'backoff',
    'placement',
  ])
  assert.deepEqual(problemsOf({ id: 'x', type: 'echo', placement: 'random' }, inList), ['placement'])
  assert.ok(parse({ type: 'echo', placement: 'ring', key: 'k' }).ok)
})

test('a key that no path can name is refused', () => {
  for (const key of ['', 'a\0b', '\ud800', 'k'.repeat(1_025)])
    assert.deepEqual(problemsOf({ type: 'echo', key }), ['key'], JSON.stringify(key.slice(0, 9)))
})

test('an id is asked for with what it is for, unless a key decides', () => {
  const wishes: unknown[] = []
  const asking = (value: unknown, some: Partial<typeof defaults> = {}) =>
    parseTaskSpec(value, { ...defaults, ...some }, wish => {
      wishes.push(wish)
      return 'made'
    })
  const placed = asking({ type: 'echo', placement: 'least_load' })
  assert.ok(placed.ok)
  assert.deepEqual([placed.spec.id, placed.spec.key, placed.spec.placement], ['made', 'made', 'least_load'])
  asking({ type: 'echo' })
  asking({ type: 'echo' }, { placement: 'weighted' })
  asking({ type: 'echo', key: 'k' }, { placement: 'weighted' })
  asking({ type: 'echo', id: 'x' }, { placement: 'weighted' })
  assert.deepEqual(wishes, [
    { type: 'echo', placement: 'least_load' },
    { type: 'echo', placement: 'ring' },
    { type: 'echo', placement: 'weighted' },
    undefined,
  ])
})

test('a first pause above the usual ceiling raises the ceiling', () => {
  const parsed = parse({ type: 'echo', backoffMs: 100_000 })
  assert.ok(parsed.ok)
  assert.equal(parsed.spec.backoffMsMax, 100_000)
})

test('everything that is wrong is told at once', () => {
  const wrong = {
    id: 'has space',
    key: '',
    type: 7,
    payload: Number.NaN,
    priority: 4,
    maxAttempts: 0,
    backoffMs: -1,
    timeoutMs: 1.5,
    nmae: 'x',
  }
  assert.deepEqual(problemsOf(wrong).sort(), [
    'backoffMs',
    'id',
    'key',
    'maxAttempts',
    'nmae',
    'payload',
    'priority',
    'timeoutMs',
    'type',
  ])
})

test('what is no object at all is one problem', () => {
  for (const value of [undefined, null, 3, 'text', [], () => 1]) assert.deepEqual(problemsOf(value), ['task'])
})

test('a ceiling below the first pause is refused', () => {
  assert.deepEqual(problemsOf({ type: 'echo', backoffMs: 100, backoffMsMax: 50 }), ['backoffMsMax'])
})

test('payloads are bounded in bytes, not characters, and in depth', () => {
  const text = 'ä'.repeat(defaults.payloadBytesMax / 2)
  assert.deepEqual(problemsOf({ type: 'echo', payload: text }), ['payload'])
  assert.ok(parse({ type: 'echo', payload: text.slice(2) }).ok)
  let deep: unknown = 1
  for (let i = 0; i < 100_000; i++) deep = [deep]
  assert.deepEqual(problemsOf({ type: 'echo', payload: deep }), ['payload'])
})

test('keys are bounded in bytes and must be text that can be written down', () => {
  assert.ok(parse({ type: 'echo', key: 'k'.repeat(1_024) }).ok)
  assert.deepEqual(problemsOf({ type: 'echo', key: 'k'.repeat(1_025) }), ['key'])
  assert.deepEqual(problemsOf({ type: 'echo', key: '\ud800' }), ['key'])
})

test('a field that only looks inherited is not one', () => {
  assert.deepEqual(problemsOf(JSON.parse('{"__proto__": 1, "type": "echo"}')), ['__proto__'])
  assert.deepEqual(problemsOf({ type: 'echo', toString: 1 }), ['toString'])
})

test('in a shared list the key serves as id where it can, and nothing is made up', () => {
  const parsed = inList({ key: 'src/a.ts', type: 'echo' })
  assert.ok(parsed.ok)
  assert.equal(parsed.spec.id, 'src/a.ts')
  assert.deepEqual(problemsOf({ type: 'echo' }, inList), ['id'])
  assert.deepEqual(problemsOf({ type: 'echo', key: 'with space' }, inList), ['id'])
  assert.deepEqual(problemsOf({ type: 'echo', id: '' }, inList), ['id'])
  assert.deepEqual(problemsOf({ type: 'echo', key: '' }, inList), ['key'])
})

test('two specs are the same when every field is, in whatever order', () => {
  const a = parse({ id: 'x', type: 'echo', payload: { a: 1, b: 2 } })
  const b = parse({ payload: { b: 2, a: 1 }, type: 'echo', id: 'x' })
  const c = parse({ payload: { b: 2, a: 2 }, type: 'echo', id: 'x' })
  assert.ok(a.ok && b.ok && c.ok)
  assert.equal(sameSpec(a.spec, b.spec), true)
  assert.equal(sameSpec(a.spec, c.spec), false)
})

test('a list tells its good tasks from its problems, each with its place', () => {
  const { specs, problems } = parseTaskList(
    [
      { at: 'line 1', value: { id: 'a', type: 'echo' } },
      { at: 'line 2', value: { id: 'b', type: 'echo', color: 'red' } },
      { at: 'line 3', value: 'nonsense' },
      { at: 'line 4', value: { id: 'a', type: 'echo' } },
      { at: 'line 5', value: { id: 'c', type: 'echo' } },
    ],
    defaults,
  )
  assert.deepEqual(
    specs.map(({ id }) => id as string),
    ['a', 'c'],
  )
  assert.deepEqual(
    problems.map(({ at }) => at),
    ['line 2, color', 'line 3, task', 'line 4, id'],
  )
  assert.match(problems[2]?.got ?? '', /line 1/)
})

test('a list longer than the bound is refused whole', () => {
  const entries = Array.from({ length: 200_001 }, (_, i) => ({
    at: `line ${i}`,
    value: { id: `t${i}`, type: 'echo' },
  }))
  const { specs, problems } = parseTaskList(entries, defaults)
  assert.equal(specs.length, 0)
  assert.deepEqual(
    problems.map(({ at }) => at),
    ['list'],
  )
})

/** Every field there is, so that one that is added to specs and not to what is compared does not pass unseen. */
const FULL: Required<TaskSpec> = {
  id: asTaskId('x'),
  key: 'k',
  type: 'echo',
  payload: { deep: [1, { two: '2' }] },
  priority: 1,
  maxAttempts: 2,
  backoffMs: 3,
  backoffMsMax: 4,
  timeoutMs: 5,
  dedupe: { key: 'd', ttlMs: 6 },
  backoff: 'fixed',
  concurrent: true,
  group: 'g',
  groupLimit: 7,
  runAt: wallOf(8),
  expiresAt: wallOf(9),
  placement: 'random',
}

const OTHER: Required<{ readonly [F in keyof TaskSpec]: unknown }> = {
  id: 'y',
  key: 'l',
  type: 'exec',
  payload: { deep: [1, { two: '3' }] },
  priority: 2,
  maxAttempts: 3,
  backoffMs: 4,
  backoffMsMax: 5,
  timeoutMs: 6,
  dedupe: { key: 'd', ttlMs: 7 },
  backoff: 'none',
  concurrent: undefined,
  group: 'h',
  groupLimit: 8,
  runAt: 9,
  expiresAt: 10,
  placement: 'weighted',
}

test('each field that differs but the placement makes it another task, and all but the id other work', () => {
  const copy = (changes: object): TaskSpec => ({ ...structuredClone(FULL), ...changes }) as TaskSpec
  assert.ok(sameSpec(FULL, copy({})))
  for (const [field, value] of Object.entries(OTHER)) {
    const other = copy({ [field]: value })
    const [chosen, named] = [field === 'placement', field === 'id']
    assert.equal(sameSpec(FULL, other), chosen, field)
    assert.equal(sameSpec(other, FULL), chosen, field)
    assert.equal(sameWork(FULL, other), chosen || named, field)
  }
  assert.equal(sameSpec(FULL, copy({ dedupe: { key: 'e', ttlMs: 6 } })), false)
})

test('an id that a slot of a schedule has, or may have, is nobody else’s', () => {
  for (const slot of [0, 1_700_000_000_000, 1_700_000_000_500]) {
    const id = slotTaskId('backup', slot)
    assert.deepEqual(problemsOf({ id, type: 'echo' }), ['id'])
    assert.deepEqual(problemsOf({ key: id, type: 'echo' }, inList), ['id'], 'there the key is the id')
    assert.ok(parse({ key: id, type: 'echo' }).ok)
  }
  assert.deepEqual(problemsOf({ key: 'schedule:backup', type: 'echo' }, inList), ['id'])
  for (const id of [
    'backup',
    'backup@',
    'backup@today',
    'a@b.example',
    '@2026-11-22T02:00:00Z',
    'backup@2026-11-22T02:00:00',
    'backup@2026-11-22T25:00:00Z',
    'backup@2026-11-22T02:00:00Z-1',
    'a/b@2026-11-22T02:00:00Z',
  ])
    assert.ok(parse({ id, type: 'echo' }).ok, id)
})

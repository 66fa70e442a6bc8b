import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { LINE_BYTES_MAX, NDJSON_BYTES_MAX } from '../../../src/adapters/system/ndjson-entries.ts'
import { LIST_PROBLEMS_MAX, readTaskList } from '../../../src/adapters/system/task-list-file.ts'
import { YAML_BYTES_MAX } from '../../../src/adapters/system/yaml-entries.ts'
import { CodedError, type ErrorCode } from '../../../src/base/errors.ts'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import { LISTED_MAX } from '../../../src/tasks/task-list.ts'

const directory = mkdtempSync(join(tmpdir(), 'roundtable-lists-'))
after(() => rmSync(directory, { recursive: true }))

const defaults = tasksDefaults(2)

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

const read = (path: string, allowInvalid = false) => readTaskList({ path, allowInvalid }, defaults)

async function refusal(path: string, code: ErrorCode, allowInvalid = false): Promise<CodedError> {
  const [outcome] = await Promise.allSettled([read(path, allowInvalid)])
  assert.equal(outcome.status, 'rejected')
  assert.ok(outcome.reason instanceof CodedError, String(outcome.reason))
  assert.equal(outcome.reason.code, code, outcome.reason.message)
  return outcome.reason
}

test('the same tasks come out of a YAML list, a mapping, JSON and NDJSON', async () => {
  const tasks = [
    { id: 'a', type: 'echo', payload: { n: 1 } },
    { key: 'k/b', type: 'compute', priority: 0 },
  ]
  const lines = tasks.map(task => JSON.stringify(task))
  const paths = [
    file(
      'list.yaml',
      '- id: a\n  type: echo\n  payload: { n: 1 }\n- { key: k/b, type: compute, priority: 0 }\n',
    ),
    file('map.yml', `tasks:\n  - ${lines[0]}\n  - ${lines[1]}\n`),
    file('list.json', JSON.stringify(tasks)),
    file('list.ndjson', `${lines.join('\n')}\n`),
    file('crlf.JSONL', `\ufeff${lines[0]}\r\n\r\n  \r\n${lines[1]}`),
  ]
  const lists = await Promise.all(paths.map(path => read(path)))
  for (const list of lists) assert.deepEqual(list.specs, lists[0]?.specs)
  assert.deepEqual(
    lists[0]?.specs.map(spec => [spec.id, spec.key, spec.maxAttempts]),
    [
      ['a', 'a', 4],
      ['k/b', 'k/b', 4],
    ],
  )
  assert.equal(lists[3]?.name, 'list.ndjson')
})

test('an invalid list is refused whole, with line and reason of everything that is wrong', async () => {
  const lines = [
    '{"id":"a","type":"echo"}',
    'nonsense',
    '{"id":"b"}',
    '',
    '{"id":"a","type":"echo"}',
    '[]',
    '{"type":"echo"}',
  ]
  const error = await refusal(file('bad.ndjson', lines.join('\n')), 'TASK_LIST_INVALID')
  const places = error.problems.map(problem => problem.at.split(',')[0])
  assert.deepEqual([...new Set(places)], ['line 2', 'line 3', 'line 5', 'line 6', 'line 7'])
  assert.match(
    error.detail,
    /line 5, id: expected an id that no other task of the list has; got "a", which line 1 has already/,
  )
  const yaml = await refusal(
    file('bad.yaml', '# first\n- id: a\n  type: echo\n\n- id: b\n  type: 5\n- just text\n'),
    'TASK_LIST_INVALID',
  )
  assert.deepEqual(
    yaml.problems.map(problem => problem.at.split(',')[0]),
    ['line 5', 'line 7'],
  )
})

test('the valid tasks of a list that may have invalid ones are kept, and the problems told', async () => {
  const path = file('mixed.ndjson', '{"id":"a","type":"echo"}\n{"id":"b"}\n{"id":"c","type":"echo"}\n')
  const list = await read(path, true)
  assert.deepEqual(
    list.specs.map(spec => String(spec.id)),
    ['a', 'c'],
  )
  assert.deepEqual([list.problems[0]?.at, list.problemCount], ['line 2, type', 1])
})

test('of very many problems a hundred are listed and all are counted', async () => {
  const error = await refusal(file('all-bad.ndjson', 'x\n'.repeat(5_000)), 'TASK_LIST_INVALID')
  assert.equal(error.problems.length, LIST_PROBLEMS_MAX)
  assert.match(error.detail, /5000 problems/)
  assert.match(error.detail, /and 4900 more/)
})

test('lines that are too long, not UTF-8 or have no end are problems of that line alone', async () => {
  const good = '{"id":"a","type":"echo"}\n'
  const long = `{"id":"${'x'.repeat(LINE_BYTES_MAX)}"}\n`
  const bytes = Buffer.concat([
    Buffer.from(long),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from(good),
    Buffer.from('{"id":'),
  ])
  const list = await read(file('odd.ndjson', bytes), true)
  assert.deepEqual(
    list.problems.map(problem => problem.at),
    ['line 1', 'line 2', 'line 4'],
  )
  assert.equal(list.specs.length, 1)
})

test('a whole number that would be stored as another one is a problem of its task', async () => {
  const task = (payload: string): string => `{"id":"a","type":"echo","payload":${payload}}`
  const [exact, inexact] = [task('[9007199254740991,1e30,"9007199254740993"]'), task('9007199254740993')]
  for (const path of [
    file('numbers.ndjson', `${exact}\n${inexact}\n`),
    file('numbers.yaml', `- ${exact}\n- ${inexact}\n`),
  ]) {
    const list = await read(path, true)
    assert.equal(list.specs.length, 1, path)
    const told = list.problems.map(({ at, got }) => `${at}: ${got}`)
    assert.deepEqual(told, ['line 2: 9007199254740993'], path)
  }
})

test('what reading would lose is a problem of its task: a number without end, one of two fields of one name', async () => {
  const bad = ['"payload":1e400', '"payload":{"a":1,"a":2}', '"type":"exec"']
  const lines = bad.map((field, i) => `{"id":"t${i}","type":"echo",${field}}`)
  const list = await read(file('lost.ndjson', lines.join('\n')), true)
  assert.equal(list.specs.length, 0)
  assert.deepEqual(
    list.problems.map(({ at, got }) => `${at}: ${got}`),
    ['line 1: 1e400', 'line 2: "a" twice', 'line 3: "type" twice'],
  )
  const yaml = await refusal(
    file('lost.yaml', lines.map(line => `- ${line}\n`).join('')),
    'TASK_LIST_INVALID',
  )
  assert.ok(yaml.problems.length > 0)
})

test('a list without tasks is a list', async () => {
  for (const path of [file('none.yaml', '[]'), file('none.ndjson', ''), file('blank.ndjson', '\n\n')]) {
    assert.deepEqual((await read(path)).specs, [])
  }
})

test('what is no list at all is refused even when invalid tasks are allowed', async () => {
  const contents = [
    '',
    '# only a comment',
    'hello',
    'a: 1',
    'tasks: 5',
    'tasks: []\nother: 1',
    '- a: [',
    '- a\n---\n- b',
    `- ${'['.repeat(20_000)}`,
  ]
  for (const content of contents) await refusal(file('no-list.yaml', content), 'TASK_LIST_INVALID', true)
  const error = await refusal(file('syntax.yaml', '- id: a\n  type: "echo\n'), 'TASK_LIST_INVALID')
  assert.match(error.problems[0]?.at ?? '', /^line \d+, column \d+$/)
})

test('tasks that share what has a name are read as fast as others', async () => {
  const tasks = Array.from({ length: 3_000 }, (_, i) => `- { id: t${i}, type: echo, payload: *shared }`)
  const first = '- &first { id: first, type: echo, payload: &shared { url: [a, b] } }'
  const path = file(
    'shared.yaml',
    `${[first, ...tasks].join('\n')}\n- { id: last, type: echo, payload: *first }\n`,
  )
  const plain = file('unshared.yaml', tasks.join('\n').replaceAll('*shared', '{ url: [a, b] }'))
  const began = performance.now()
  await read(plain)
  const plainMs = performance.now() - began
  const { specs } = await read(path)
  const tookMs = performance.now() - began - plainMs
  assert.ok(tookMs < 500 + 5 * plainMs, `${tookMs} ms, and ${plainMs} ms`)
  assert.deepEqual(specs[2_999]?.payload, { url: ['a', 'b'] })
  assert.deepEqual(specs[3_001]?.payload, { id: 'first', type: 'echo', payload: { url: ['a', 'b'] } })
})

test('so are tasks that each have a name of their own', async () => {
  const tasks = Array.from(
    { length: 3_000 },
    (_, i) => `- &t${i} { id: t${i}, type: echo, payload: *shared }`,
  )
  const first = '- { id: first, type: echo, payload: &shared { url: [a, b] } }'
  const last = '- { id: last, type: echo, payload: *t1 }'
  const plain = file('unnamed.yaml', tasks.join('\n').replaceAll('*shared', '{ url: [a, b] }'))
  const began = performance.now()
  await read(plain)
  const plainMs = performance.now() - began
  const { specs } = await read(file('each.yaml', [first, ...tasks, last].join('\n')))
  const tookMs = performance.now() - began - plainMs
  assert.ok(tookMs < 500 + 5 * plainMs, `${tookMs} ms, and ${plainMs} ms`)
  assert.deepEqual(specs.at(-1)?.payload, { id: 't1', type: 'echo', payload: { url: ['a', 'b'] } })
})

test('what has a name stands for what its own aliases stood for there', async () => {
  const payloads = ['&x 1', '&y [*x, &z [*x]]', '&x 2', '[*x, *y, *z]']
  const tasks = payloads.map((payload, i) => `- { id: t${i}, type: echo, payload: ${payload} }\n`)
  const { specs } = await read(file('nested.yaml', tasks.join('')))
  assert.deepEqual(specs[3]?.payload, [2, [1, [1]], [1]])
})

test('of several that have one name an alias stands for the last one before it', async () => {
  const payloads = ['&x 1', '*x', '&x [2]', '*x', '{ a: &x 3, b: *x }', '*x']
  const tasks = payloads.map((payload, i) => `- { id: t${i}, type: echo, payload: ${payload} }\n`)
  const { specs } = await read(file('named.yaml', tasks.join('')))
  assert.deepEqual(
    specs.map(({ payload }) => payload),
    [1, 1, [2], [2], { a: 3, b: 3 }, 3],
  )
})

test('an alias bomb inside a task is that task’s problem', async () => {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `    l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(',')}]`,
  )
  const text = `- id: bomb\n  type: echo\n  payload:\n    l0: &l0 [x]\n${levels.join('\n')}\n- { id: good, type: echo }\n`
  const list = await read(file('bomb.yaml', text), true)
  assert.deepEqual(
    list.specs.map(spec => String(spec.id)),
    ['good'],
  )
  assert.deepEqual(list.problems, [
    {
      at: 'line 1',
      expected: 'a task whose aliases stand for at most 100 values, each with its anchor before it',
      got: 'more',
    },
  ])
})

test('files that cannot be read or are too large say why', async () => {
  mkdirSync(join(directory, 'dir.ndjson'))
  const large = file('large.yaml', '')
  truncateSync(large, YAML_BYTES_MAX + 1)
  const huge = file('huge.ndjson', '')
  truncateSync(huge, NDJSON_BYTES_MAX + 1)
  const cases: [string, RegExp][] = [
    [join(directory, 'absent.yaml'), /no such file/],
    [join(directory, 'dir.ndjson'), /not a regular file|directory/],
    ['/dev/zero', /not a regular file/],
    [large, /at most 4194304 are read/],
    [huge, /at most 536870912 are read/],
    [file('latin.yaml', Buffer.from([0x2d, 0x20, 0xe4])), /not UTF-8/],
  ]
  for (const [path, reason] of cases)
    assert.match((await refusal(path, 'TASK_LIST_UNREADABLE')).detail, reason)
})

test('a list may not have more tasks than a node can keep', async () => {
  const lines = Array.from({ length: LISTED_MAX + 1 }, (_, i) => `{"id":"${i}","type":"echo"}`)
  await refusal(file('many.ndjson', lines.join('\n')), 'TASK_LIST_INVALID', true)
})

test('a hundred thousand lines are read without holding up the event loop', async () => {
  const lines = Array.from({ length: 100_000 }, (_, i) =>
    JSON.stringify({ id: `task-${i}`, type: 'exec', payload: { command: 'sum', args: [`file-${i}`] } }),
  )
  const path = file('long.ndjson', lines.join('\n'))
  // Processor time of this thread, since on a busy machine the wall clock also counts the turns of others.
  const usedMs = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1_000
  }
  const turns: number[] = []
  let last = usedMs()
  const timer = setInterval(() => {
    const now = usedMs()
    turns.push(now - last)
    last = now
  }, 1)
  const list = await read(path)
  clearInterval(timer)
  assert.equal(list.specs.length, 100_000)
  // Nine of ten: a collection of garbage, which this process had to do anyway, may make any one of them longer.
  turns.sort((one, other) => one - other)
  const most = turns[Math.floor(turns.length * 0.9)] ?? 0
  const all = turns.reduce((sum, ms) => sum + ms, 0)
  assert.ok(
    turns.length > 20 && most < all / 10,
    `nine of ten of ${turns.length} turns took at most ${most} of ${all} ms`,
  )
})

test('reading can be given up', async () => {
  const path = file('abort.ndjson', '{"id":"a","type":"echo"}\n')
  const reason = new Error('enough')
  await assert.rejects(
    readTaskList({ path, allowInvalid: false }, defaults, AbortSignal.abort(reason)),
    reason,
  )
})

test('wherever the chunks of a file end, its lines come out whole', async () => {
  const task = fc.record({
    id: fc.uuid(),
    type: fc.constant('echo'),
    payload: fc.string({ unit: 'grapheme', maxLength: 40_000 }),
  })
  const lists = fc.uniqueArray(task, { selector: each => each.id, maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(lists, async tasks => {
      const list = await read(file('any.ndjson', tasks.map(each => `${JSON.stringify(each)}\n`).join('')))
      assert.deepEqual(
        list.specs.map(({ id, payload }) => ({ id: String(id), payload })),
        tasks.map(({ id, payload }) => ({ id, payload })),
      )
    }),
    { numRuns: 30 },
  )
})

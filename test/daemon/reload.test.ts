/** Reading the configuration again: what becomes of each key, and that a file with a problem changes nothing. */
import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CodedError } from '../../src/base/errors.ts'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { markOf } from '../../src/daemon/file-watch.ts'
import { Reload } from '../../src/daemon/reload.ts'

const machine = { hostname: 'host-1', cores: 2 }
const BASE = 'seeds: [a:1]\nexpectedNodes: 3\n'

let scratch = ''
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-reload-'))
})
after(() => rm(scratch, { recursive: true }))

interface Line {
  readonly level: string
  readonly event: string
  readonly fields: Readonly<Record<string, unknown>> | undefined
}

/** A daemon's reload, of a text that can be changed or of a file. */
function subject(
  source: { text: string } | { file: string; mark?: string; early?: Config },
  options: { voters?: boolean; restMs?: number } = {},
) {
  const lines: Line[] = []
  const seeds: (readonly string[])[] = []
  const waiting: (() => void)[] = []
  const readAt: number[] = []
  const read = (): Config => {
    readAt.push(performance.now())
    if ('file' in source) return parseConfig({ machine, file: source.file })
    return parseConfig({ machine, text: source.text })
  }
  const early = 'file' in source ? source.early : undefined
  const mark = 'file' in source && source.mark !== undefined ? { mark: source.mark } : {}
  const answers = { weight: true }
  const reload = new Reload({
    source: { read, ...('file' in source ? { file: source.file } : {}), ...mark },
    config: early ?? read(),
    check: async found => {
      const name = found.schedules[0]?.['name']
      if (name === 'wrong') throw new CodedError('CONFIG_INVALID', 'schedules.0 is wrong')
    },
    apply: { seeds: found => seeds.push(found.seeds), weight: async () => answers.weight },
    hasVoterList: () => options.voters ?? true,
    logger: {
      log(level, event, fields) {
        lines.push({ level, event, fields })
        for (const resolve of waiting.splice(0)) resolve()
      },
    },
    fatal: error => assert.fail(String(error)),
    restMs: options.restMs ?? 0,
  })
  return {
    ...{ reload, lines, seeds, answers },
    /** When each reload read its source; the start's own reading is not among them. */
    reloadsAt: () => readAt.slice(1),
    said: () => new Promise<void>(resolve => waiting.push(resolve)),
  }
}

test('a file that has changed between its first reading and the first look is read again', async () => {
  const file = join(scratch, 'early.yaml')
  await writeFile(file, BASE)
  const mark = markOf(file)
  const early = parseConfig({ machine, file })
  await writeFile(file, BASE.replace('a:1', 'b:22'))
  const { reload, seeds, said } = subject({ file, mark, early })
  try {
    while (seeds.length === 0) await said()
    assert.deepEqual(seeds, [['b:22']])
  } finally {
    reload.stop()
  }
})

test('what can be applied is applied and said once; what cannot is said at every reload', async () => {
  const source = { text: BASE }
  const { reload, lines, seeds } = subject(source)
  source.text = `${BASE}tasks: { minMembers: 2 }\n`.replace('a:1', 'b:2').replace('3', '5')
  await reload.request('signal')
  await reload.request('signal')
  assert.deepEqual(seeds, [['b:2']])
  const stays = {
    reason: 'signal',
    requests: 1,
    ignored: ['expectedNodes'],
    needsRestart: ['tasks.minMembers'],
  }
  assert.deepEqual(lines, [
    { level: 'warn', event: 'reloaded', fields: { ...stays, applied: ['seeds'] } },
    { level: 'warn', event: 'reloaded', fields: { ...stays, applied: [] } },
  ])
})

test('a change that is taken back leaves nothing to say', async () => {
  const source = { text: BASE }
  const { reload, lines, seeds } = subject(source)
  source.text = BASE.replace('a:1', 'b:2')
  await reload.request('signal')
  source.text = BASE
  await reload.request('signal')
  assert.deepEqual(seeds, [['b:2'], ['a:1']])
  await reload.request('signal')
  const fields = { reason: 'signal', requests: 1, applied: [], ignored: [], needsRestart: [] }
  assert.deepEqual(lines.at(-1), { level: 'info', event: 'reloaded', fields })
})

for (const text of [BASE, 'cluster: [\n']) {
  const kind = text === BASE ? 'a good file' : 'a broken file'
  test(`a storm of requests over ${kind} is one reload and one more, and all are answered`, async () => {
    const source = { text: BASE }
    const { reload, lines, reloadsAt } = subject(source, { restMs: 50 })
    source.text = text
    const first = reload.request('signal')
    await first
    await Promise.all(Array.from({ length: 300 }, () => reload.request('signal')))
    assert.equal(reloadsAt().length, 2)
    assert.deepEqual(
      lines.map(({ fields }) => fields?.['requests']),
      [1, 300],
    )
  })
}

test('between two reloads is a rest, in which one request waits for all', async () => {
  const { reload, reloadsAt } = subject({ text: BASE }, { restMs: 80 })
  await reload.request('signal')
  const second = reload.request('signal')
  assert.equal(reload.waits, true)
  await Promise.all([second, reload.request('file')])
  assert.equal(reload.waits, false)
  const [first = 0, next = 0, ...others] = reloadsAt()
  assert.ok(next - first >= 79, `${next - first} ms`)
  assert.equal(others.length, 0)
})

test('who stops while a reload rests does not wait for it', { timeout: 5_000 }, async () => {
  const { reload, reloadsAt } = subject({ text: BASE }, { restMs: 60_000 })
  await reload.request('signal')
  const second = reload.request('signal')
  reload.stop()
  await second
  assert.equal(reloadsAt().length, 1)
})

test('before there is a voter list, what makes it needs a restart', async () => {
  const source = { text: BASE }
  const { reload, lines } = subject(source, { voters: false })
  source.text = BASE.replace('3', '5')
  await reload.request('signal')
  assert.deepEqual(lines[0]?.fields?.['needsRestart'], ['expectedNodes'])
})

test('what the node refuses is not called applied, and is tried again', async () => {
  const source = { text: BASE }
  const { reload, lines, answers } = subject(source)
  source.text = `${BASE}weight: 2\n`
  answers.weight = false
  await reload.request('signal')
  answers.weight = true
  await reload.request('signal')
  assert.deepEqual(
    lines.map(({ fields }) => [fields?.['applied'], fields?.['ignored']]),
    [
      [[], ['weight']],
      [['weight'], []],
    ],
  )
})

test('a configuration with a problem changes nothing', async () => {
  const source = { text: BASE }
  const { reload, lines, seeds } = subject(source)
  source.text = 'seeds: [b:2]\nmode: quorum\n'
  await reload.request('signal')
  assert.deepEqual(seeds, [])
  assert.equal(lines[0]?.event, 'reload-failed')
  assert.equal(lines[0]?.fields?.['code'], 'CONFIG_INVALID')
  assert.match(String(lines[0]?.fields?.['detail']), /mode: expected/)
})

test('a value that has no end ends no daemon that reads it', async () => {
  const source = { text: BASE }
  const { reload, lines, seeds } = subject(source)
  source.text = `${BASE}schedules: [&it { name: x, task: *it }]\n`.replace('a:1', 'b:2')
  await reload.request('signal')
  assert.deepEqual(seeds, [])
  assert.deepEqual(
    lines.map(({ event, fields }) => [event, fields?.['code']]),
    [['reload-failed', 'CONFIG_INVALID']],
  )
})

test('what only the daemon can see to be wrong changes nothing either', async () => {
  const source = { text: BASE }
  const { reload, lines, seeds } = subject(source)
  source.text = `${BASE}schedules: [{ name: wrong }]\n`.replace('a:1', 'b:2')
  await reload.request('signal')
  assert.deepEqual(seeds, [])
  assert.deepEqual(
    lines.map(({ event, fields }) => [event, fields?.['detail']]),
    [['reload-failed', 'schedules.0 is wrong']],
  )
})

test('without a source a reload says so', async () => {
  const lines: string[] = []
  const reload = new Reload({
    source: undefined,
    config: parseConfig({ machine }),
    check: async () => undefined,
    apply: {},
    hasVoterList: () => false,
    logger: { log: (_level, event) => lines.push(event) },
    fatal: error => assert.fail(String(error)),
  })
  await reload.request('signal')
  assert.deepEqual(lines, ['reload-failed'])
})

test('a file that is replaced behind a symbolic link, as a mounted ConfigMap is, is read by itself', async () => {
  const file = join(scratch, 'mounted.yaml')
  await writeFile(join(scratch, 'one.yaml'), BASE)
  await writeFile(join(scratch, 'two.yaml'), BASE.replace('a:1', 'b:2'))
  await symlink('one.yaml', file)
  const { reload, lines, seeds, said } = subject({ file })
  try {
    await symlink('two.yaml', `${file}.new`)
    await rename(`${file}.new`, file)
    while (seeds.length === 0) await said()
    assert.deepEqual(seeds, [['b:2']])
    assert.equal(lines[0]?.fields?.['reason'], 'file')
    await unlink(file)
    while (!lines.some(({ event }) => event === 'reload-failed')) await said()
    assert.equal(lines.at(-1)?.fields?.['code'], 'CONFIG_UNREADABLE')
  } finally {
    reload.stop()
  }
})

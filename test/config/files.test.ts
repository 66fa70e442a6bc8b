import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { CodedError } from '../../src/base/errors.ts'
import { CONFIG_FILE_BYTES_MAX } from '../../src/config/file.ts'
import { variableOf } from '../../src/config/option.ts'
import { optionsOf } from '../../src/config/options.ts'
import type { ConfigSources } from '../../src/config/parse.ts'
import { directory, file, machine, parse, refusal } from './subject.ts'

test('JSON is taken like YAML', () => {
  assert.equal(parse({ file: file('c.json', '{"http": {"port": 9}}\n') }).http.port, 9)
})

test('relative paths count from the file that names them', () => {
  const path = file('p.yaml', 'dataDir: d\ntaskLists: [lists/a.yaml, {path: /b.ndjson, allowInvalid: true}]')
  const config = parse({ file: path })
  assert.equal(config.dataDir, join(directory, 'd'))
  assert.deepEqual(config.taskLists, [
    { path: join(directory, 'lists/a.yaml'), allowInvalid: false },
    { path: '/b.ndjson', allowInvalid: true },
  ])
  assert.equal(parse({ file: path, flags: { 'data-dir': 'e' } }).dataDir, join(process.cwd(), 'e'))
})

test('a file that cannot be read is CONFIG_UNREADABLE with the reason', () => {
  assert.match(refusal({ file: join(directory, 'absent.yaml') }, 'CONFIG_UNREADABLE').detail, /no such file/)
  assert.match(refusal({ file: directory }, 'CONFIG_UNREADABLE').detail, /directory|regular/)
  assert.match(refusal({ file: '/dev/zero' }, 'CONFIG_UNREADABLE').detail, /regular file/)
  const huge = file('huge.yaml', '#'.repeat(CONFIG_FILE_BYTES_MAX + 1))
  assert.match(refusal({ file: huge }, 'CONFIG_UNREADABLE').detail, /at most 1048576/)
  assert.match(
    refusal({ file: file('bin', Buffer.from([0xff, 0xfe, 0x41])) }, 'CONFIG_UNREADABLE').detail,
    /UTF-8/,
  )
})

test('a file that is empty, no mapping, no YAML or ambiguous is CONFIG_INVALID with its place', () => {
  assert.match(refusal({ text: '' }).detail, /empty file/)
  assert.match(refusal({ text: '- a\n' }).detail, /a list/)
  assert.match(refusal({ text: 'hello' }).detail, /a string/)
  assert.equal(refusal({ text: 'a: 1\nb: [1,\nc: 2\n' }).problems[0]?.at.startsWith('line '), true)
  assert.equal(refusal({ text: 'http:\n  port: 1\n  port: 2\n' }).problems[0]?.at, 'line 3, column 3')
  refusal({ text: 'a: 1\n---\nb: 1\n' })
  refusal({ text: 'http: !secret { port: 1 }' })
  parse({ text: '# nothing but this\n' })
})

test('of a task list it is said which part is wrong', () => {
  const said = (list: string) =>
    refusal({ text: `taskLists: [${list}]` }).problems.map(({ at, expected, got }) => [at, expected, got])
  assert.deepEqual(said('{path: a, allowInvalid: maybe}'), [
    ['taskLists.0.allowInvalid', 'true or false', '"maybe"'],
  ])
  assert.deepEqual(said('a, {pth: b}'), [
    ['taskLists.1.path', 'a path', 'nothing'],
    ['taskLists.1', 'a known key; did you mean path?', 'a mapping'],
  ])
  for (const neither of ['3', '""'])
    assert.equal(said(neither)[0]?.[1], 'a path, or {path, allowInvalid}', neither)
})

test('alias bombs and bottomless nesting are refused quickly', () => {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(',')}]`,
  )
  const started = performance.now()
  const bomb = refusal({ text: `l0: &l0 [x]\n${levels.join('\n')}\n` })
  assert.match(bomb.detail, /got aliases of more than 100 values/)
  assert.match(refusal({ text: 'a: *nowhere\n' }).detail, /got an alias without its anchor/)
  refusal({ text: `a: ${'['.repeat(50_000)}` })
  refusal({ text: `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}` })
  refusal({ text: `${Array.from({ length: 40 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')} 1` })
  assert.ok(performance.now() - started < 5_000)
})

test('what JSON cannot hold is refused: other values than its own, and what stands inside of itself', () => {
  const schedule = (task: string): string => `schedules: [&it { name: x, everyMs: 1000, task: ${task} }]\n`
  const holding = (payload: string): string => schedule(`{ type: echo, payload: ${payload} }`)
  parse({ text: holding('[1, a]') })
  for (const value of ['!!binary aGVsbG8=', '!!timestamp 2026-01-01', '!!set { a, b }', '!!omap [a: 1]']) {
    assert.match(refusal({ text: holding(value) }).detail, /expected what JSON can hold/, value)
    refusal({ text: `%YAML 1.1\n---\n${holding(value)}` })
  }
  assert.match(refusal({ text: schedule('*it') }).detail, /inside of itself/)
  assert.match(refusal({ text: holding('[[[*it]]]') }).detail, /inside of itself/)
})

test('a number that would be read as another one is refused with its line, and is not told', () => {
  const text =
    'seeds: []\nschedules:\n  - { name: x, everyMs: 1000, task: { type: echo, payload: 9007199254740993 } }\n'
  const { detail, problems } = refusal({ text })
  assert.equal(problems[0]?.at, 'line 3')
  assert.doesNotMatch(detail, /90071992/)
  parse({ text: text.replace('9007199254740993', '"9007199254740993"') })
})

test('no text makes the parser fail in any other way than with a coded error', () => {
  const outcome = (sources: ConfigSources): void => {
    try {
      parse(sources)
    } catch (error) {
      assert.ok(error instanceof CodedError, String(error))
    }
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => outcome({ text })))
  const known = optionsOf(machine).map(option => option.key)
  const tree = fc.dictionary(
    fc.oneof(fc.constantFrom(...known.map(key => key.split('.')[0] ?? '')), fc.string()),
    fc.jsonValue(),
  )
  fc.assert(fc.property(tree, value => outcome({ text: JSON.stringify(value) })))
  const env = fc.dictionary(fc.constantFrom(...known.map(variableOf), 'NODE_ID', 'NODE_LIST'), fc.string())
  fc.assert(fc.property(env, value => outcome({ env: value })))
})

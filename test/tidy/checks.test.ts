/** The checks of the house tried on small wrong inputs: a rule that cannot fail holds nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importFaults } from './import-table.ts'
import { importsOf } from './imports.ts'
import { privateFaults, topFaults } from './places.ts'
import { purityFaults } from './purity.ts'
import { reachFaults } from './reach.ts'
import { sizeFaults } from './size.ts'
import { parse, type Source } from './sources.ts'
import { fileNameFaults, markFaults, nameFaults } from './words.ts'

const one = (path: string, text: string): readonly Source[] => parse({ [path]: text })

const FORBIDDEN: readonly (readonly [path: string, text: string])[] = [
  ['src/base/a.ts', "import { x } from '../ring/ring.ts'"],
  ['src/base/a.ts', "import type { X } from '../ring/ring.ts'"],
  ['src/base/a.ts', "import { readFile } from 'node:fs'"],
  ['src/membership/a.ts', "import { x } from '../ring/ring.ts'"],
  ['src/membership/a.ts', "import { z } from 'zod'"],
  ['src/ring/a.ts', "import { x } from '../membership/member.ts'"],
  ['src/ring/a.ts', "import { createServer } from 'node:net'"],
  ['src/tasks/a.ts', "export { x } from '../node/node.ts'"],
  ['src/tasks/a.ts', "const x = await import('../node/node.ts')"],
  ['src/tasks/a.ts', "type X = import('../membership/member.ts').X"],
  ['src/node/a.ts', "import { x } from '../runtime/driver.ts'"],
  ['src/node/a.ts', "import { x } from '../adapters/http/api.ts'"],
  ['src/runtime/a.ts', "import { x } from '../tasks/table.ts'"],
  ['src/runtime/a.ts', "import { x } from '../adapters/system/clock.ts'"],
  ['src/adapters/http/a.ts', "import type { X } from '../storage/store.ts'"],
  ['src/adapters/http/a.ts', "import { buildRing } from '../../ring/build-ring.ts'"],
  ['src/adapters/http/a.ts', "import { x } from 'libp2p'"],
  ['src/adapters/http/a.ts', "import { x } from '../../daemon/daemon.ts'"],
  ['src/config/a.ts', "import { x } from '../membership/membership.ts'"],
  ['src/config/a.ts', "import { x } from 'fastify'"],
  ['src/cli/a.ts', "import { x } from '../adapters/libp2p/codec.ts'"],
  ['src/cli/a.ts', "import { x } from '../runtime/driver.ts'"],
  ['src/tasks/a.ts', "import { x } from '../../test/samples.ts'"],
  ['src/tasks/a.ts', "import { x } from '../base/time.js'"],
  ['src/workers/a.ts', ''],
]

const ALLOWED: readonly (readonly [path: string, text: string])[] = [
  ['src/ring/a.ts', "import { assert } from '../base/assert.ts'\nimport HashRing from 'hashring'"],
  ['src/ring/a.ts', "import { x } from './circle.ts'"],
  ['src/runtime/a.ts', "import type { X } from '../tasks/messages.ts'\nimport { x } from '../node/node.ts'"],
  ['src/runtime/a.ts', "import { type A, type B } from '../tasks/messages.ts'"],
  ['src/adapters/http/a.ts', "import type { X } from '../../node/node.ts'\nimport { y } from 'fastify'"],
  ['src/adapters/libp2p/a.ts', "import { x } from '../../tasks/task.ts'\nimport { tcp } from '@libp2p/tcp'"],
  ['src/config/a.ts', "import { x } from '../adapters/http/config.ts'\nimport { y } from '../tasks/spec.ts'"],
  ['src/daemon/a.ts', "import { x } from '../adapters/http/api.ts'"],
  ['src/cli/a.ts', "import { x } from '../daemon/daemon.ts'"],
]

for (const [path, text] of FORBIDDEN) {
  test(`${path} may not say: ${text || '(be there)'}`, () => {
    assert.equal(importFaults(one(path, text)).length, 1)
  })
}

test('what the table allows is let through', () => {
  for (const [path, text] of ALLOWED) assert.deepEqual(importFaults(one(path, text)), [])
})

test('a fault says where and what', () => {
  const faults = importFaults(one('src/ring/a.ts', "\n\nimport { z } from 'zod'\n"))
  assert.deepEqual(faults, ['src/ring/a.ts:3: ring may not import zod'])
})

test('imports are told apart: of types, of values, of files for workers', () => {
  const [source] = one(
    'src/a/b.ts',
    [
      "import type { A } from './a.ts'",
      "import { type B } from './b.ts'",
      "import { type C, d } from './c.ts'",
      "import e, { type F } from './e.ts'",
      "import './g.ts'",
      "const w = new URL('./worker.js', import.meta.url)",
      'const v = new URL(`./child$' + '{extension}`, import.meta.url)',
      "const p = new URL('../../package.json', import.meta.url)",
    ].join('\n'),
  )
  assert.ok(source)
  assert.deepEqual(
    importsOf(source).map(({ specifier, typeOnly, kind }) => [specifier, typeOnly, kind]),
    [
      ['./a.ts', true, 'import'],
      ['./b.ts', true, 'import'],
      ['./c.ts', false, 'import'],
      ['./e.ts', false, 'import'],
      ['./g.ts', false, 'import'],
      ['./worker.ts', false, 'file'],
      ['./child.ts', false, 'file'],
    ],
  )
})

test('a file that only a test uses, or only itself, is unused', () => {
  const files = parse({
    'src/main.ts': "import './a/b.ts'\nconst w = new URL('./a/worker.ts', import.meta.url)",
    'src/a/b.ts': "import type { C } from './c.ts'",
    'src/a/c.ts': '',
    'src/a/worker.ts': "import '../d.ts'",
    'src/d.ts': '',
    'src/lonely.ts': "import './pair.ts'",
    'src/pair.ts': "import './lonely.ts'",
  })
  const unused = ['src/lonely.ts is used by nothing', 'src/pair.ts is used by nothing']
  assert.deepEqual(reachFaults(files, ['src/main.ts']), unused)
  assert.deepEqual(reachFaults(files.slice(0, 1), ['src/main.ts', 'src/gone.ts']), [
    'src/gone.ts is not there',
  ])
})

test('a file of 401 lines and a function of 61 are too long, one less is not', () => {
  const functionOf = (lines: number): string => `const f = () => {\n${'x()\n'.repeat(lines - 2)}}\n`
  assert.deepEqual(sizeFaults(one('src/a.ts', 'x()\n'.repeat(400))), [])
  assert.equal(sizeFaults(one('src/a.ts', 'x()\n'.repeat(401))).length, 1)
  assert.deepEqual(sizeFaults(one('src/a.ts', functionOf(60))), [])
  assert.equal(sizeFaults(one('src/a.ts', functionOf(61))).length, 1)
  const table = `function table() {\n  return [\n${'    1,\n'.repeat(99)}  ]\n}\n`
  assert.deepEqual(sizeFaults(one('src/a.ts', table)), [], 'a table is not a long function')
  const suite = `function suite() {\n${functionOf(40).repeat(3)}}\n`
  assert.deepEqual(sizeFaults(one('test/a.ts', suite)), [], 'a suite is as long as its own lines')
  assert.equal(sizeFaults(one('src/a.ts', suite)).length, 1)
  assert.equal(sizeFaults(one('test/a.ts', `function suite() {\n${functionOf(61)}}\n`)).length, 1)
  const method = `class A {\n  /** said before it */\n  m() {\n${'x()\n'.repeat(59)}}\n}\n`
  assert.deepEqual(sizeFaults(one('src/a.ts', method)), ['src/a.ts:3 is a function of 61 lines, at most 60'])
})

test('a pure room may not even touch a clock, a timer, chance, the process, or wait', () => {
  const impure = [
    'const now = Date.now()',
    'const now = new Date()',
    'const now = performance.now()',
    'setTimeout(step, 5)',
    'const { setInterval: every } = globalThis',
    'const r = Math.random()',
    'const home = process.env',
    "console.log('x')",
    'queueMicrotask(step)',
    'const f = async () => 1',
    'await step()',
    'const p = Promise.resolve(1)',
  ]
  for (const text of impure) assert.notDeepEqual(purityFaults(one('src/base/a.ts', text)), [], text)
  const pure = 'interface A { process: string }\nconst f = (a: A) => ({ process: a.process })\nMath.max(1, 2)'
  assert.deepEqual(purityFaults(one('src/base/a.ts', pure)), [])
})

test('names that say nothing are found in files, functions, classes, fields and parameters', () => {
  for (const text of [
    'function parseHelper() {}',
    'class TaskManager {}',
    'const utils = {}',
    'class A { #masterKey = 1 }',
    'interface A { slaves: number }',
    'const f = (helper: string) => helper',
    'const { a: util } = b',
    'type Utility = 1',
  ]) {
    assert.equal(nameFaults(one('src/a.ts', text)).length, 1, text)
  }
  assert.deepEqual(
    nameFaults(one('src/a.ts', "import util from 'node:util'\nutil.helper()\nconst mastery = 1")),
    [],
  )
})

test('file names that say nothing are found, and those that say something are not', () => {
  const bad = [
    'src/utils.ts',
    'src/helpers/a.ts',
    'test/task-manager.ts',
    'src/base/data.ts',
    'src/info/a.ts',
    'src/a/index.ts',
    'src/Ring.ts',
    'src/a_b.ts',
  ]
  for (const path of bad) assert.equal(fileNameFaults(path).length, 1, path)
  const good = [
    'src/index.ts',
    'src/adapters/storage/data-directory.ts',
    'test/ring/golden.json',
    'README.md',
  ]
  for (const path of good) assert.deepEqual(fileNameFaults(path), [], path)
})

test('marks of unfinished, silenced and switched-off work are found in any file', () => {
  const bad = [
    `// ${'TO'}DO: later`,
    `# ${'FIX'}ME`,
    `// biome-${'ignore'} lint: no`,
    `// @ts-${'ignore'}`,
    `test.${'only'}('x', f)`,
    `test.${'skip'}('x', f)`,
    `test('x', { ${'skip'}: true }, f)`,
    `t.${'skip'}()`,
  ]
  for (const line of bad) assert.deepEqual(markFaults({ 'a.ts': `\n${line}` }).length, 1, line)
  const good = ["t.skip('needs root')", "test('x', { skip: needsRoot }, f)", 'a todo list', 'await only(one)']
  for (const line of good) assert.deepEqual(markFaults({ 'a.ts': line }), [], line)
})

test('what does not belong at the top, and what is missing there, is found', () => {
  const right = [
    'Dockerfile',
    'LICENSE',
    'README.md',
    'bin/x',
    'configs/x',
    'package-lock.json',
    'package.json',
  ]
  const whole = [...right, 'src/x', 'test/x', 'tsconfig.json', '.gitignore', '.ci/run']
  assert.deepEqual(topFaults(whole), [])
  assert.deepEqual(topFaults([...whole, 'notes/a.md']), ['notes does not belong at the top'])
  assert.deepEqual(topFaults(whole.slice(1)), ['Dockerfile is missing at the top'])
})

test('paths of a machine, package registries and secrets are found', () => {
  const bad = [
    `cd ${'/wo'}rk/main`,
    `"${'/ro'}ot/.npmrc"`,
    `${'/ho'}me/somebody/x`,
    `https://${'regis'}try.${'npm'}js.org/x`,
    `"${'resol'}ved": "https://example.org/x.tgz"`,
    `//host/:_auth${'Token'}=abc`,
  ]
  for (const line of bad) assert.notDeepEqual(privateFaults({ 'package-lock.json': line }), [], line)
  const good = [
    'src/work/main.ts',
    'http://host/work/x',
    'WORKDIR /app',
    '$HOME/work',
    'VOLUME /data',
    '~/.cache',
  ]
  for (const line of good) assert.deepEqual(privateFaults({ a: line }), [], line)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { COMMANDS_MAX, executorsDefaults, typeLimitsOf } from '../../src/adapters/executors/config.ts'
import { CodedError } from '../../src/base/errors.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import { limitsOf } from '../../src/tasks/limits.ts'
import { parseTaskSpec } from '../../src/tasks/spec.ts'

const modulesOf = (text: string) => parseConfig({ text: `executors: { modules: ${text} }` }).executors.modules

function problemsOf(text: string): readonly string[] {
  try {
    modulesOf(text)
  } catch (error) {
    assert.ok(error instanceof CodedError && error.code === 'CONFIG_INVALID')
    return error.problems.map(({ at, expected }) => `${at}: ${expected}`)
  }
  return assert.fail(`${text} is taken`)
}

test('a module is named by its type, and has defaults for all but its path', () => {
  assert.deepEqual(modulesOf('{ resize: { path: /srv/resize.mjs } }'), {
    resize: { path: '/srv/resize.mjs', concurrency: 2, memoryBytes: 128 * 2 ** 20, env: {} },
  })
  assert.deepEqual(
    modulesOf('{ a.b-1: { path: /x.ts, concurrency: 8, memory: 1GiB, env: { DB: "x" } } }')['a.b-1'],
    { path: '/x.ts', concurrency: 8, memoryBytes: 2 ** 30, env: { DB: 'x' } },
  )
})

test('a type is taken for a module, or for clients, when a task can have it', () => {
  const takes = (text: string): boolean => {
    try {
      parseConfig({ text: `executors: ${text}` })
      return true
    } catch (error) {
      assert.ok(error instanceof CodedError && error.code === 'CONFIG_INVALID')
      return false
    }
  }
  const types = [
    'a',
    'Z9',
    'a.b_c-d',
    `a${'x'.repeat(63)}`,
    `a${'x'.repeat(64)}`,
    '1a',
    '9',
    '_a',
    '-a',
    'a b',
  ]
  for (const type of [...types, 'é', 'a/b', '', 'schedule', 'schedules', 'scheduled']) {
    const possible = parseTaskSpec({ id: 't', type }, tasksDefaults(2), undefined).ok
    const name = JSON.stringify(type)
    assert.equal(takes(`{ modules: { ${name}: { path: /a.mjs } } }`), possible, `module ${name}`)
    assert.equal(takes(`{ claim: { types: [${name}] } }`), possible, `claim ${name}`)
  }
})

test('what is wrong with a module is said where it stands', () => {
  for (const [text, at, expected] of [
    ['{ a: { path: a.mjs } }', 'executors.modules.a.path', /an absolute path/],
    ['{ a: {} }', 'executors.modules.a.path', /an absolute path/],
    ['{ a: { path: /a, concurrency: 0 } }', 'executors.modules.a.concurrency', /from 1 to 256/],
    ['{ a: { path: /a, memory: 1MiB } }', 'executors.modules.a.memory', /16MiB/],
    ['{ a: { path: /a, heap: 1 } }', 'executors.modules.a', /path, concurrency, memory, env/],
    ['{ exec: { path: /a } }', 'executors.modules', /other than exec, http, module, claim/],
    ['{ "a b": { path: /a } }', 'executors.modules', /a type of task \(a letter, then/],
    ['[1]', 'executors.modules', /a mapping of at most 64 types/],
  ] as const) {
    const problems = problemsOf(text)
    assert.ok(
      problems.some(problem => problem.startsWith(at) && expected.test(problem)),
      `${text}: ${problems}`,
    )
  }
})

test('of exec no more is begun than the runner takes, whatever the concurrency: the rest waits and fails nobody', () => {
  const config = { ...tasksDefaults(2), concurrency: 1_000 }
  const { ofType } = limitsOf(config, undefined, typeLimitsOf(executorsDefaults()))
  assert.equal(ofType('exec'), COMMANDS_MAX)
})

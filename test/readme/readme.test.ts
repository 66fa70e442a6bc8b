/** The README says what the program says. `REWRITE=1` writes the made part anew. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ROUTES } from '../../src/adapters/http/routes.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { configReference } from '../../src/config/reference.ts'
import { Counters } from '../../src/tasks/counts.ts'

const file = fileURLToPath(new URL('../../README.md', import.meta.url))
const MADE = /(<!-- configuration:[^>]*-->\n)([\s\S]*?)(<!-- \/configuration -->)/

test('the configuration table is the one that the program makes', () => {
  const readme = readFileSync(file, 'utf8')
  const found = MADE.exec(readme)
  assert.ok(found, 'the README has the marks between which the table stands')
  const made = `\n${configReference().trim()}\n\n`
  if (process.env['REWRITE'] === '1')
    writeFileSync(
      file,
      readme.replace(MADE, (_, a, __, b) => `${a}${made}${b}`),
    )
  else assert.equal(found[2], made, 'run with REWRITE=1 and read the difference')
})

test('every npm script that the README names exists', () => {
  const readme = readFileSync(file, 'utf8')
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const named = [...readme.matchAll(/npm run ([a-z0-9-]+)/g)].map(match => match[1] ?? '')
  assert.ok(named.length > 5)
  for (const name of new Set(named)) assert.ok(name in manifest.scripts, `npm run ${name}`)
})

/** Everything that the sources put between quotes: names of metrics and events are among it. */
function quotedInSources(): ReadonlySet<string> {
  const folder = fileURLToPath(new URL('../../src/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  const words = files.flatMap(name => [...readFileSync(join(folder, name), 'utf8').matchAll(/'([a-z_-]+)'/g)])
  return new Set(words.map(([, word]) => word ?? ''))
}

test('every metric that the README names is one that the program has', () => {
  const quoted = quotedInSources()
  const counters = new Set(new Counters().metrics().map(({ name }) => name))
  const named = [...readFileSync(file, 'utf8').matchAll(/`roundtable_([a-z_]+)`/g)].map(
    ([, name]) => name ?? '',
  )
  assert.ok(named.length > 20)
  for (const name of named) assert.ok(quoted.has(name) || counters.has(name), `roundtable_${name}`)
})

test('every log event that the README lists is one that the program writes', () => {
  const quoted = quotedInSources()
  const [, table = ''] =
    /\| event \| says \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(readFileSync(file, 'utf8')) ?? []
  const named = table.split('\n').flatMap(row => [...(row.split('|')[1] ?? '').matchAll(/`([a-z-]+)`/g)])
  assert.ok(named.length > 25)
  for (const [, name = ''] of named) assert.ok(quoted.has(name), name)
})

test('every command and path that the README names exists', () => {
  const readme = readFileSync(file, 'utf8')
  const commands = new Set(COMMANDS.map(({ name }) => name))
  const called = [...readme.matchAll(/(?:`|\$ |bin\/)roundtable ([a-z]+)\b/g)].map(([, name]) => name ?? '')
  assert.ok(called.length > 20)
  for (const name of called) assert.ok(commands.has(name), `roundtable ${name}`)
  const paths = ROUTES.map(({ path }) => path.replace(/\{\w+\}/, 'X'))
  for (const [, path = ''] of readme.matchAll(/`(?:GET |POST |PUT |DELETE )?(\/v1\/[^`?]*)/g))
    assert.ok(paths.includes(path.replace(/\/(?:KEY|ID|NAME|ADDRESS)(?=\/|$)/, '/X')), path)
})

test('every path that the program serves is named in the README', () => {
  const readme = readFileSync(file, 'utf8')
  const spans = readme.matchAll(/`(?:(?:GET|POST|PUT|DELETE) )?(\/[^`? ]*)/g)
  const named = new Set([...spans].map(([, path = '']) => path.replace(/\/[A-Z]+(?=\/|$)/g, '/X')))
  const missing = ROUTES.filter(({ path }) => !named.has(path.replace(/\{\w+\}/, 'X')))
  assert.deepEqual(
    missing.map(({ method, path }) => `${method} ${path}`),
    [],
  )
})

test('a section that the configuration table refers to is one of the README', () => {
  const readme = readFileSync(file, 'utf8')
  const named = [...configReference().matchAll(/; see "([^"]+)"/g)].map(([, title = '']) => title)
  assert.ok(named.length > 0)
  for (const title of named)
    assert.ok(readme.includes(`**${title}.**`) || readme.includes(`# ${title}\n`), title)
})

test('every reason for not being ready that the README explains is one that the program gives', () => {
  const quoted = quotedInSources()
  const readme = readFileSync(file, 'utf8')
  const named = [...readme.matchAll(/`\/readyz`: `([a-z-]+)`/g)].map(([, name]) => name ?? '')
  assert.ok(named.length >= 4)
  for (const name of named) assert.ok(quoted.has(name), name)
})

/** The README says what the program says. `REWRITE=1` writes the made part anew. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { configReference } from '../../src/config/reference.ts'

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

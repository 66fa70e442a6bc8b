import assert from 'node:assert/strict'
import { test } from 'node:test'
import { optionsOf } from '../../src/config/options.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { configReference, defaultConfigFile, describeConfig } from '../../src/config/reference.ts'

const machine = { hostname: 'host-1', cores: 3 }

test('the reference has one row for each option, with variable, flag, default and reason', () => {
  const rows = configReference().trimEnd().split('\n').slice(2)
  const options = describeConfig()
  assert.equal(rows.length, options.length)
  for (const [i, option] of options.entries()) {
    const cells = (rows[i] ?? '').split(/(?<!\\)\|/)
    assert.equal(cells.length, 7, rows[i])
    assert.ok(cells[1]?.includes(option.key))
    assert.ok(option.doc.length > 10)
  }
})

test('the reference is the same on every machine', () => {
  assert.doesNotMatch(configReference(), /localhost/)
})

test('secrets have no flag, since every user can read the arguments of a process', () => {
  const secrets = optionsOf(machine).filter(option => option.secret === true)
  assert.deepEqual(
    secrets.map(option => option.key),
    ['transport.clusterKey', 'http.readToken', 'http.writeToken'],
  )
  const flags = new Map(describeConfig().map(option => [option.key, option.flag]))
  for (const option of secrets) assert.equal(flags.get(option.key), undefined)
})

test('each secret can come from a file instead', () => {
  const options = optionsOf(machine)
  for (const option of options.filter(each => each.secret === true)) {
    assert.ok(
      options.some(other => other.fileOf === option.key),
      option.key,
    )
  }
})

test('the documented default file parses to the defaults and names every option', () => {
  const text = defaultConfigFile()
  assert.deepEqual(parseConfig({ text, machine }), parseConfig({ machine }))
  for (const option of optionsOf(machine)) {
    assert.match(text, new RegExp(`^ *(?:# )?${option.key.split('.').at(-1)}:`, 'm'))
  }
  assert.ok(text.split('\n').every(line => line.length <= 130))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { optionsOf } from '../../src/config/options.ts'
import { changesBetween } from '../../src/config/reload.ts'
import { machine, parse } from './subject.ts'

const between = (before: Config, found: Config) => changesBetween(() => before, found)

test('a configuration does not differ from itself read again', () => {
  const text = 'seeds: [a:1, b]\nexpectedNodes: 3\nmodes: [{prefix: a/, mode: available}]\n'
  assert.deepEqual(between(parse({ text }), parse({ text })), [])
  assert.deepEqual(between(parse({}), parse({})), [])
})

test('the table is made once for a machine: its schemas take longer than a daemon that reloads may be silent', () => {
  assert.equal(optionsOf(machine), optionsOf({ ...machine }))
  assert.notEqual(optionsOf(machine), optionsOf({ ...machine, cores: machine.cores + 1 }))
})

test('each key that differs is named once, with what a reload does about it', () => {
  const found = parse({
    text: [
      'seeds: [a:1]',
      'weight: 2',
      'log: { level: warn }',
      'expectedNodes: 3',
      'voters: [a, b, c]',
      'modes: [{prefix: a/, mode: available}]',
      'grants: { leaseMs: 2100, promiseMs: 2600, renewMs: 400, trustRefused: false }',
      'joinDelayMs: 1s',
      'http: { writeToken: 0123456789abcdef }',
      'tasks: { minMembers: 2 }',
    ].join('\n'),
  })
  assert.deepEqual(
    between(parse({}), found).map(({ key, reload }) => [key, reload]),
    [
      ['seeds', 'applied'],
      ['weight', 'applied'],
      ['log.level', 'applied'],
      ['http.writeToken', undefined],
      ['mode', undefined],
      ['modes', undefined],
      ['expectedNodes', 'first-list'],
      ['voters', 'first-list'],
      ['grants.leaseMs', undefined],
      ['grants.promiseMs', undefined],
      ['grants.renewMs', undefined],
      ['grants.trustRefused', undefined],
      ['joinDelayMs', undefined],
      ['tasks.minMembers', undefined],
    ],
  )
})

test('a key that was applied before is compared with what was applied', () => {
  const [first, second] = [parse({}), parse({ text: 'weight: 2\nseeds: [a:1]' })]
  const inForce = (key: string) => (key === 'weight' ? second : first)
  assert.deepEqual(
    changesBetween(inForce, second).map(({ key }) => key),
    ['seeds'],
  )
})

test('the reference says of each key what a reload does with it, where it does anything', () => {
  const applied = optionsOf(machine).filter(({ reload }) => reload === 'applied')
  assert.deepEqual(
    applied.map(({ key }) => key),
    ['seeds', 'weight', 'schedules', 'log.level'],
  )
})

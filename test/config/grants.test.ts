import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigSources } from '../../src/config/parse.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { parse, places, refusal } from './subject.ts'

test('whoever says who votes gets quorum mode, whoever does not gets available mode', () => {
  assert.deepEqual(parse({}).grants, grantsDefaults())
  const wishes: ConfigSources[] = [
    { text: 'expectedNodes: 8' },
    { text: 'voters: [a, b]' },
    { env: { ROUNDTABLE_EXPECTED_NODES: '8' } },
    { env: { ROUNDTABLE_VOTERS: 'a,b,c' } },
    { flags: { 'expected-nodes': '8' } },
    { flags: { voters: 'a' } },
    { text: 'expectedNodes: 8', flags: { mode: 'quorum' } },
  ]
  for (const wish of wishes) assert.equal(parse(wish).grants.mode, 'quorum')
  assert.equal(parse({ text: 'expectedNodes: 8\nmode: available' }).grants.mode, 'available')
  assert.deepEqual(parse({ env: { ROUNDTABLE_VOTERS: 'a, b' } }).grants.voters, ['a', 'b'])
})

test('a prefix may have a mode of its own', () => {
  const modes = [{ prefix: 'bills/', mode: 'quorum' }]
  const grants = parse({ text: `mode: available\nexpectedNodes: 3\nmodes: ${JSON.stringify(modes)}` }).grants
  assert.deepEqual([grants.mode, grants.modes], ['available', modes])
  const twice = JSON.stringify([...modes, { prefix: 'bills/', mode: 'available' }])
  assert.deepEqual(refusal({ text: `expectedNodes: 3\nmodes: ${twice}` }).problems, [
    { at: 'modes.1.prefix', expected: 'a prefix that no entry before it has', got: '"bills/"' },
  ])
  assert.deepEqual(refusal({ text: 'voters: [a, b, a]' }).problems, [
    { at: 'voters.2', expected: 'one that is not in the list before', got: '"a"' },
  ])
  for (const bad of [
    '[{prefix: a}]',
    '[{prefix: a, mode: both}]',
    '[{prefix: a, mode: quorum, key: b}]',
    '{a: quorum}',
  ])
    refusal({ text: `expectedNodes: 3\nmodes: ${bad}` })
})

test('quorum mode without voters is refused, as a whole and for a prefix', () => {
  const whole = refusal({ text: 'mode: quorum' })
  assert.deepEqual(places(whole), ['mode'])
  assert.match(whole.problems[0]?.expected ?? '', /set expectedNodes/)
  assert.deepEqual(places(refusal({ text: 'modes: [{prefix: a, mode: quorum}]' })), ['modes'])
  parse({ text: 'mode: available\nmodes: [{prefix: a, mode: available}]' })
})

test('voters are distinct names, 64 at most', () => {
  const names = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => `n${i}`))
  assert.equal(parse({ text: `voters: ${names(64)}` }).grants.voters.length, 64)
  for (const bad of [names(65), '[a, a]', '[a b]', '["-a"]', '[""]', '[1]', 'a'])
    assert.match(places(refusal({ text: `voters: ${bad}` }))[0] ?? '', /^voters/)
})

test('times that cannot keep the promise are refused', () => {
  const wrong: [string, string][] = [
    ['promiseMs: 2444', 'grants.promiseMs'],
    ['leaseMs: 2100', 'grants.promiseMs'],
    ['leaseMs: 999', 'grants.leaseMs'],
    ['renewMs: 626', 'grants.leaseMs'],
    ['leaseMs: 3s, promiseMs: 4s, renewMs: 1001', 'grants.leaseMs'],
  ]
  for (const [line, at] of wrong)
    assert.deepEqual(places(refusal({ text: `grants: { ${line} }` })), [at], line)
  parse({ text: 'grants: { promiseMs: 2445, renewMs: 625 }' })
  parse({ text: 'grants: { leaseMs: 1s, promiseMs: 1.3s, renewMs: 125 }' })
})

test('more copies than there are holders are refused where a quorum counts them', () => {
  const few = 'ring: {replicas: 2}\ntasks: {durability: 3}\n'
  const quorum = JSON.stringify([{ prefix: 'bills/', mode: 'quorum' }])
  for (const mode of ['expectedNodes: 3', 'voters: [a]', `mode: available\nvoters: [a]\nmodes: ${quorum}`])
    assert.deepEqual(places(refusal({ text: few + mode })), ['tasks.durability'])
  assert.match(refusal({ text: 'expectedNodes: 3\nring: {replicas: 1}' }).detail, /2 \(ring.replicas is 1\)/)
  for (const mode of ['', 'mode: available\nvoters: [a]'])
    assert.equal(parse({ text: few + mode }).ring.replicas, 2)
  assert.equal(parse({ text: 'expectedNodes: 3\nring: {replicas: 2}' }).tasks.durability, 2)
})

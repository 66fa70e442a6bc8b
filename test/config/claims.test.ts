import assert from 'node:assert/strict'
import { test } from 'node:test'
import { executorsDefaults, OWN_TYPES } from '../../src/adapters/executors/config.ts'
import { HTTP_LIMITS } from '../../src/adapters/http/limits.ts'
import { parse, places, refusal } from './subject.ts'

test('the types that clients claim are named, as in a file so in a variable; by default there are none', () => {
  assert.deepEqual(parse({}).executors.claim, executorsDefaults().claim)
  const text =
    'executors: { claim: { types: [resize, mail.send], leaseMs: 30s, waitersMax: 8, claimsMax: 16 } }'
  const claim = { types: ['resize', 'mail.send'], leaseMs: 30_000, waitersMax: 8, claimsMax: 16 }
  assert.deepEqual(parse({ text }).executors.claim, claim)
  const env = { ROUNDTABLE_EXECUTORS_CLAIM_TYPES: 'resize, mail.send' }
  assert.deepEqual(parse({ env }).executors.claim.types, claim.types)
})

test('a type that another executor has, one named twice, and limits out of range are refused', () => {
  for (const type of OWN_TYPES) {
    const error = refusal({ text: `executors: { claim: { types: [resize, ${type}] } }` })
    assert.match(places(error)[0] ?? '', /^executors\.claim\.types/)
  }
  for (const bad of [
    'types: [a, a]',
    'types: [1a]',
    'types: ["a b"]',
    'leaseMs: 100ms',
    'waitersMax: 0',
    `waitersMax: ${HTTP_LIMITS.connectionsMax}`,
    'claimsMax: 0',
  ])
    assert.equal(places(refusal({ text: `executors: { claim: { ${bad} } }` })).length, 1, bad)
})

test('a type is for clients or for a module, not for both', () => {
  const both =
    'executors: { claim: { types: [mail, resize] }, modules: { resize: { path: /srv/resize.mjs } } }'
  const [problem, ...more] = refusal({ text: both }).problems
  assert.deepEqual(more, [])
  assert.equal(problem?.at, 'executors.claim.types')
  assert.match(String(problem?.got), /^resize, which executors\.modules has, too$/)
  const apart = parse({ text: both.replace('resize]', 'print]') }).executors
  assert.deepEqual([apart.claim.types, Object.keys(apart.modules)], [['mail', 'print'], ['resize']])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/base/random.ts'
import { type Injected, nextStep, type Profile, type Step } from './chaos.ts'

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8']

/** Many steps, each with these already broken. */
function steps(profile: Profile, broken: readonly string[] = [], cuts = true): readonly (Step | undefined)[] {
  const random = new Random(7)
  return Array.from({ length: 300 }, () => nextStep({ random, profile, cuts }, NAMES, new Set(broken)))
}

const kinds = (some: readonly (Step | undefined)[]): ReadonlySet<Injected | undefined> =>
  new Set(some.map(step => step?.kind))

test('with disks kept every kind of fault comes, to one or two different nodes that are well', () => {
  const all = steps('disk-kept')
  assert.deepEqual([...kinds(all)].toSorted(), ['cut', 'freeze', 'kill', 'restart'])
  assert.deepEqual(new Set(all.map(step => step?.nodes.length)), new Set([1, 2]))
  for (const step of all) assert.equal(new Set(step?.nodes).size, step?.nodes.length)
  assert.ok(!kinds(steps('disk-kept', [], false)).has('cut'))
})

test('no more than two are broken at one time', () => {
  for (const step of steps('disk-kept', ['n3'])) {
    assert.equal(step?.nodes.length, 1)
    assert.ok(!step?.nodes.includes('n3'))
  }
  assert.deepEqual(kinds(steps('disk-kept', ['n3', 'n4'])), new Set([undefined]))
})

test('one disk is lost at a time, or two at once, and never beside another fault', () => {
  assert.deepEqual(kinds(steps('disk-lost')), new Set(['disk-lost']))
  assert.ok(steps('disk-lost').every(step => step?.nodes.length === 1))
  assert.deepEqual(kinds(steps('disk-lost', ['n1'])), new Set([undefined]))
  assert.ok(steps('two-lost').every(step => step?.kind === 'disk-lost' && step.nodes.length === 2))
  assert.deepEqual(kinds(steps('two-lost', ['n1'])), new Set([undefined]))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { Granting } from '../../src/node/granting.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { at, Lone, record } from '../membership/records.ts'
import { sampleInit } from './samples.ts'

const NAMES = ['a', 'b', 'me'].map(asNodeId)

/** A voter that has been started again and remembers the list. */
const init = sampleInit({
  boot: 2,
  grants: { ...grantsDefaults(), mode: 'quorum', expectedNodes: 3 },
  voter: { top: 7, voters: { version: 1, names: NAMES, fixed: false } },
})

test('a voter that is a member before a link leads to it is asked as soon as there is one, not at the next renewal', () => {
  const lone = new Lone()
  const granting = new Granting(init, at(0))
  const { membership } = lone
  const a = lone.meet(record('a'), 10)
  lone.say(a, record('a'), { type: 'sync', reply: false, members: [record('b')], claims: [] }, 20)
  const ring = buildRing(
    NAMES.map(id => ({ id, weight: 1 })),
    ringDefaults(),
  )
  granting.viewChanged(ring, membership, at(30))
  const asked = (ms: number) => {
    granting.awake(at(ms))
    return granting
      .ask(membership, ring, [], at(ms))
      .flatMap(effect =>
        effect.kind === 'send' &&
        effect.message.type === 'renew' &&
        membership.linkTo(effect.to) !== undefined
          ? [effect.to]
          : [],
      )
  }
  assert.deepEqual(asked(30), ['a'])
  assert.deepEqual(asked(50), [], 'nothing is new')
  lone.meet(record('b'), 60)
  assert.deepEqual(asked(60), ['b'])
  assert.deepEqual(asked(70), [], 'once')
})

test('what a voter writes goes before all that waits for the disk', () => {
  const lone = new Lone()
  const granting = new Granting(init, at(0))
  const { membership } = lone
  lone.meet(record('a'), 10)
  const members = NAMES.map(id => ({ id, weight: 1 }))
  const ring = buildRing(members, ringDefaults())
  granting.viewChanged(ring, membership, at(30))
  const list = granting.grants?.voters.name ?? assert.fail('it knows the list')
  const { checksum } = ring
  const scope = { ring: checksum, members, leaving: false, keeps: [] }
  const renew = { type: 'renew', session: 1, seq: 1, scope, voters: list, term: 9 } as const
  const persists = () =>
    granting
      .ask(membership, ring, [], at(10_000))
      .flatMap(effect => (effect.kind === 'persist' ? [effect] : []))
  const first = persists()
  for (const effect of first.flatMap(({ then }) => then))
    if (effect.kind === 'persisted') granting.persisted(effect.mark, at(10_000))
  granting.message(asNodeId('a'), asPeerId('key-a'), renew, at(10_000))
  const written = [...first, ...persists()]
  assert.ok(written.some(({ writes }) => writes.some(({ key }) => key === 'top')))
  assert.ok(written.every(({ urgent }) => urgent))
})

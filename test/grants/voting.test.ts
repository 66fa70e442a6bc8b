import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { GrantsEffect } from '../../src/grants/effects.ts'
import { Grants } from '../../src/grants/grants.ts'
import { hashOf } from '../../src/grants/voter-list.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { a, at, b, both, ringOf, scopeOf } from './scene.ts'

const list = { version: 1, names: [asNodeId('a'), asNodeId('b')], fixed: true }
const config = { ...grantsDefaults(), mode: 'quorum' as const, expectedNodes: 2 }

/** A voter whose silence is over. */
function voterA(promiseMs = config.promiseMs): Grants {
  const parts = {
    self: a,
    peer: asPeerId('key-a'),
    session: 2,
    config,
    stored: { top: 5, voters: list, promiseMs },
    buildRing: (members: Parameters<typeof buildRing>[0]) => buildRing(members, ringDefaults()),
    random: new Random(1),
  }
  const grants = new Grants(parts, at(0))
  grants.viewChanged(both, [a, b], false, at(10))
  grants.effects()
  return grants
}

/** Grants that go out: to whom, under which key, and whether their term is on the disk. */
const grantsIn = (effects: readonly GrantsEffect[]) =>
  effects.flatMap(effect =>
    effect.kind === 'send' && effect.message.type === 'grant'
      ? [[effect.to, effect.peer, effect.message.termTaken]]
      : [],
  )

test('a grant goes to the process that asked, by its key, also when it waited for the disk', () => {
  const grants = voterA()
  const voters = { version: list.version, hash: hashOf(list) }
  const renew = { type: 'renew', session: 1, seq: 1, scope: scopeOf(both), voters, term: 9 } as const
  grants.message(b, asPeerId('key-b'), renew, at(5_000))
  const effects = grants.effects()
  assert.deepEqual(grantsIn(effects), [[b, 'key-b', false]])
  const then = effects.flatMap(effect => (effect.kind === 'persist' ? effect.then : []))
  for (const effect of then) if (effect.kind === 'persisted') grants.persisted(effect.mark, at(5_800))
  assert.deepEqual(grantsIn(grants.effects()), [[b, 'key-b', true]])
})

test('a member that asks again and again while the disk hangs waits for one write, and is answered once', () => {
  const grants = voterA()
  const voters = { version: list.version, hash: hashOf(list) }
  const writes: GrantsEffect[] = []
  for (let seq = 1; seq <= 50; seq++) {
    const renew = { type: 'renew', session: 1, seq, scope: scopeOf(both), voters, term: 9 } as const
    grants.message(b, asPeerId('key-b'), renew, at(5_000 + seq * 100))
    writes.push(...grants.effects().filter(({ kind }) => kind === 'persist'))
  }
  const marks = writes.flatMap(effect => (effect.kind === 'persist' ? effect.then : []))
  assert.ok(marks.length <= 2, `${marks.length} writes`)
  for (const effect of marks) if (effect.kind === 'persisted') grants.persisted(effect.mark, at(10_200))
  assert.deepEqual(grantsIn(grants.effects()), [[b, 'key-b', true]])
})

test('while a shorter promise is on its way to the disk none is made that is longer', () => {
  const grants = voterA(5_000)
  // The promises of the boot before are over: what this one needs is less, and is written.
  grants.tick(at(5_100))
  const shorter = grants.effects().flatMap(effect => (effect.kind === 'persist' ? effect.writes : []))
  assert.deepEqual(
    shorter.filter(({ key }) => key === 'promiseMs').map(({ value }) => value),
    [config.promiseMs],
  )
  // Before the disk has it the cluster grows, so promises are to be longer than that.
  const many = ringOf('a', 'b', ...Array.from({ length: 318 }, (_, i) => `n${i}`))
  grants.viewChanged(many, [a, b], false, at(5_101))
  const voters = { version: list.version, hash: hashOf(list) }
  const renew = { type: 'renew', session: 1, seq: 1, scope: scopeOf(many), voters, term: 0 } as const
  grants.message(b, asPeerId('key-b'), renew, at(5_102))
  const promised = grants
    .effects()
    .flatMap(effect =>
      effect.kind === 'send' && effect.message.type === 'grant' ? [effect.message.promiseMs] : [],
    )
  assert.deepEqual(promised, [config.promiseMs])
})

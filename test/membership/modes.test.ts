/** Members that act by other rules than this node: a flag forgotten on one of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, Lone, record } from './records.ts'

const b = record('b')

function told(lone: Lone, modes: string | undefined, ms: number): void {
  const { id, peerId, incarnation } = b
  const rest = {
    leaving: false,
    ringChecksum: 'ring',
    viewDigest: 0,
    load: { running: 0, queued: 0 },
    heard: [],
  }
  const heartbeat = {
    type: 'heartbeat',
    id,
    incarnation,
    ...rest,
    ...(modes !== undefined && { modes }),
  } as const
  lone.membership.gossip(peerId, peerId, heartbeat, at(ms))
  lone.collect()
}

const differences = (lone: Lone): number => lone.events().filter(event => event === 'mode-differs').length

test('a heartbeat says by which modes its sender acts', () => {
  const lone = new Lone('me', { modes: 'quorum' })
  lone.meet(b, 10)
  lone.runTo(3_000)
  const said = lone.effects.flatMap(effect =>
    effect.kind === 'publish' && effect.message.type === 'heartbeat' ? [effect.message.modes] : [],
  )
  assert.ok(said.length > 0)
  assert.ok(said.every(modes => modes === 'quorum'))
})

test('a member that acts by other modes is reported, once for each thing that it says', () => {
  const lone = new Lone('me', { modes: 'quorum' })
  lone.meet(b, 10)
  told(lone, 'available', 20)
  told(lone, 'available', 1_020)
  assert.equal(differences(lone), 1)
  assert.equal(lone.membership.heartbeats.modesDiffer(b.id), true)
  told(lone, 'quorum', 2_020)
  assert.equal(differences(lone), 1)
  assert.equal(lone.membership.heartbeats.modesDiffer(b.id), false)
  told(lone, 'available', 3_020)
  assert.equal(differences(lone), 2)
})

test('a member that does not say by which modes it acts is not reported', () => {
  const lone = new Lone('me', { modes: 'quorum' })
  lone.meet(b, 10)
  told(lone, undefined, 20)
  assert.equal(differences(lone), 0)
  assert.equal(lone.membership.heartbeats.modesDiffer(b.id), false)
})

/** A node that comes back with a key of its own and a lower incarnation: its clock was ahead, and its disk is gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import { Lone, record } from './records.ts'

const REBORN = asNodeId('reborn')
const former = (change: Partial<MemberRecord>): MemberRecord =>
  record('reborn', { peerId: asPeerId('former-key'), incarnation: 1_000, ...change })

/** A node that knows so many others, and this one. */
function elderOf(others: number, one: MemberRecord): Lone {
  const elder = new Lone('elder')
  const members = [...Array.from({ length: others }, (_, i) => record(`n${i + 1}`)), one]
  const teller = elder.meet(record('n1'), 0)
  elder.say(teller, record('n1'), { type: 'sync', reply: false, members, claims: [] }, 1)
  elder.effects = []
  return elder
}

/** A link between two nodes, on which everything arrives at once and in order, until neither has anything to say. */
function link(one: Lone, other: Lone, ms: number): void {
  const there = { node: other, link: other.open(one.membership.self, ms) }
  const here = { node: one, link: one.open(other.membership.self, ms) }
  for (let frames = 1, said = 0; frames > said; ) {
    said = frames
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      for (const effect of from.node.effects.splice(0)) {
        if (effect.kind !== 'send' || effect.link !== from.link) continue
        assert.ok(++frames < 50, 'they come to an end')
        to.node.say(to.link, from.node.membership.self, effect.message, ms)
      }
    }
  }
}

for (const others of [5, 40]) {
  for (const status of ['dead', 'left', 'alive'] as const) {
    test(`among ${others} others a name whose last bearer is ${status} and silent is borne again at once`, () => {
      const elder = elderOf(others, former({ status }))
      const reborn = new Lone('reborn')
      link(elder, reborn, 3_000)
      const known = elder.membership.roster.get(REBORN)?.record
      assert.deepEqual([known?.status, known?.peerId], ['alive', reborn.membership.self.peerId])
      assert.equal(reborn.membership.roster.size, elder.membership.roster.size)
      assert.ok(reborn.membership.synced)
    })
  }
}

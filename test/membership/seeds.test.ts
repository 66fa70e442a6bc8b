import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asPeerId } from '../../src/base/ids.ts'
import { at, Lone, record } from './records.ts'

/** For ten minutes of a node whose one seed is the name of a service; `b` answered there, and is linked. */
function withService(several: boolean) {
  const me = new Lone('me', { seeds: ['service:7946'] })
  const [b, key] = [record('b'), asPeerId('key-b')]
  const dials: { readonly ms: number; readonly forceNew: boolean; readonly besides?: readonly string[] }[] =
    []
  const logged: string[] = []
  let link = 0 as ReturnType<Lone['meet']>
  me.runTo(600_000, ms => {
    if (ms > 200) me.say(link, b, { type: 'ping', seq: ms }, ms)
    for (const effect of me.effects.splice(0)) {
      if (effect.kind === 'log') logged.push(effect.event)
      if (effect.kind !== 'dial') continue
      assert.equal(effect.address, 'service:7946')
      dials.push({ ms, ...effect })
      if (dials.length === 1) link = me.meet(b, ms, effect.address)
      const found = { ok: true, peer: key, ...(several && { several: true }) } as const
      const nobodyElse = { ok: false, reason: 'self', detail: 'it leads to no other place' } as const
      me.membership.dialled(effect.dial, effect.forceNew ? nobodyElse : found, at(ms))
    }
  })
  return { me, dials, logged }
}

test('a name that leads to several places is looked at again though a member answered there: clusters that began apart do not stay so', () => {
  const { me, dials, logged } = withService(true)
  const [first, ...looks] = dials
  assert.equal(first?.forceNew, false)
  assert.ok(looks.length >= 7 && looks.length <= 14, `${looks.length} looks in ten minutes`)
  for (const { forceNew, besides } of looks) {
    assert.equal(forceNew, true)
    assert.deepEqual([...(besides ?? [])].sort(), ['b:7946', 'me:7946'])
  }
  assert.ok(!logged.includes('seed-trouble'), 'that it leads to members only is no trouble')
  assert.equal(me.membership.island, false)
})

test('a seed that leads to one place is dialled once, while who answered is linked', () => {
  assert.equal(withService(false).dials.length, 1)
})

test('what a seed refused this node for is told no longer once another member has taken it', () => {
  const me = new Lone('me', { seeds: ['a:7946'] })
  const link = me.meet(record('a'), 10)
  me.say(link, record('a'), { type: 'refuse', code: 'PEER_NOT_ALLOWED', detail: 'not you' }, 20)
  assert.equal(me.membership.lastRefusal?.code, 'PEER_NOT_ALLOWED')
  const other = me.meet(record('b'), 30)
  me.say(other, record('b'), { type: 'sync', reply: false, members: [], claims: [] }, 40)
  assert.equal(me.membership.lastRefusal, undefined)
})

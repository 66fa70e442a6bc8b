import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lone, record } from './records.ts'

const [a, b, silent] = [record('a'), record('b'), record('silent')]

/**
 * A node that stands still for `pauseMs` of each second, in a cluster of which one member is silent from 5 s on. What
 * the others say meanwhile it reads after the tick that ends the pause.
 */
function stutter(pauseMs: number, others = [a, b]) {
  const me = new Lone()
  const links = others.map(other => me.meet(other, 0))
  const silentLink = me.meet(silent, 0)
  const hear = (ms: number) => {
    for (const [i, other] of others.entries())
      me.say(links[i] ?? silentLink, other, { type: 'ping', seq: ms }, ms)
    if (ms < 5_000) me.say(silentLink, silent, { type: 'ping', seq: ms }, ms)
  }
  return {
    me,
    hear,
    links,
    goOnTo(untilMs: number, fromMs: number) {
      for (let ms = fromMs; ms < untilMs; ms += 1_000) {
        for (let at = ms + pauseMs; at < ms + 1_000; at += 100) {
          me.tick(at)
          if (at === ms + pauseMs || at === ms + 900) hear(at + 1)
        }
      }
    },
    accused: () =>
      me.effects.flatMap(one =>
        one.kind === 'log' && one.event === 'member-suspect' && one.fields['accuser'] === 'me'
          ? [one.fields['member']]
          : [],
      ),
  }
}

test('whoever stands still a little every second gets used to it, and says who is silent', () => {
  const scene = stutter(500)
  scene.goOnTo(10_000, 0)
  assert.ok(scene.me.events().includes('stood-still'))
  assert.deepEqual(scene.accused(), [], 'not in the first seconds: it may pass')
  scene.goOnTo(20_000, 10_000)
  assert.deepEqual(scene.accused(), ['silent'])
})

test('of two that are left the one that stutters reaches a verdict with the other', () => {
  const scene = stutter(500, [a])
  const [link] = scene.links
  assert.ok(link !== undefined)
  for (let ms = 0, sequence = 1; ms < 25_000; ms += 1_000, sequence++) {
    scene.goOnTo(ms + 1_000, ms)
    if (ms < 8_000) continue
    const claim = { accuser: a.id, subject: silent.id, incarnation: 1, sequence, withdrawn: false }
    scene.me.say(link, a, { type: 'claims', claims: [{ ...claim, evidence: 'timeout' }] }, ms + 950)
  }
  assert.equal(scene.me.statusOf(silent), 'dead')
})

test('whoever is left alone and stands still a little every three seconds calls the others dead in the end', () => {
  const me = new Lone()
  const links = [a, b].map(other => [me.meet(other, 0), other] as const)
  for (let ms = 100; ms <= 40_000; ms += ms % 3_000 === 0 ? 500 : 100) {
    me.tick(ms)
    if (ms < 5_000) for (const [link, other] of links) me.say(link, other, { type: 'ping', seq: ms }, ms)
  }
  assert.ok(me.events().includes('stood-still'))
  assert.deepEqual([me.statusOf(a), me.statusOf(b)], ['dead', 'dead'])
})

test('whoever stands still for more than a second again and again, but not so long that others call it dead, gets used to it', () => {
  const me = new Lone()
  const [link, silentLink] = [me.meet(a, 0), me.meet(silent, 0)]
  for (let ms = 0, sequence = 1; ms < 30_000; ms += 1_400, sequence++) {
    for (let at = ms + 1_200; at <= ms + 1_400; at += 100) {
      me.tick(at)
      me.say(link, a, { type: 'ping', seq: at }, at + 1)
      if (at < 5_000) me.say(silentLink, silent, { type: 'ping', seq: at }, at + 1)
    }
    const claim = { accuser: a.id, subject: silent.id, incarnation: 1, sequence, withdrawn: false }
    if (ms > 8_000)
      me.say(link, a, { type: 'claims', claims: [{ ...claim, evidence: 'timeout' }] }, ms + 1_402)
  }
  assert.equal(me.statusOf(silent), 'dead')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import { LEDGER_CHANGES_MAX, LEDGER_TALK_MAX, Ledger } from '../../src/membership/ledger.ts'
import { Lone, record } from './records.ts'

const A = asNodeId('a')
const line = (event: string, number: number) => ({
  at: wallOf(number),
  event,
  text: `${number}`,
  fields: {},
})

test('a bad link does not push out why a member was found dead', () => {
  const ledger = new Ledger()
  ledger.note(A, line('verdict', 0))
  for (let i = 1; i <= 1_000; i++) ledger.note(A, line(i % 2 ? 'member-suspect' : 'claim-withdrawn', i))
  ledger.note(A, line('member-alive', 1_001))
  const lines = ledger.of(A)
  assert.equal(lines.length, 2 + LEDGER_TALK_MAX)
  assert.equal(lines[0]?.event, 'verdict')
  assert.equal(lines.at(-1)?.event, 'member-alive')
  assert.deepEqual(
    lines.map(({ at }) => at),
    lines.map(({ at }) => at).toSorted((a, b) => a - b),
  )
})

test('a machine that stutters does not push out why this node owns nothing', () => {
  const ledger = new Ledger()
  ledger.note(A, line('cordoned', 0))
  for (let i = 1; i <= 1_000; i++) ledger.note(A, line(i % 2 ? 'stood-still' : 'fell-behind', i))
  assert.equal(ledger.of(A)[0]?.event, 'cordoned')
})

test('changes are bounded too, and go with the member', () => {
  const ledger = new Ledger()
  for (let i = 0; i < 1_000; i++) ledger.note(A, line('member-renewed', i))
  assert.equal(ledger.of(A).length, LEDGER_CHANGES_MAX)
  ledger.forget(A)
  assert.deepEqual(ledger.of(A), [])
})

test('a death says who accused on what evidence, how long answers took, and its refutation how many accusations it ended', () => {
  const me = new Lone()
  const a = record('a')
  const [linkA, linkB] = [me.meet(a, 0), me.meet(record('b'), 0)]
  me.runTo(5_000, ms => {
    const pings = me.effects.flatMap(e =>
      e.kind === 'send' && e.message.type === 'ping' && e.link === linkA ? [e.message.seq] : [],
    )
    const seq = pings.at(-1)
    if (seq !== undefined) me.say(linkA, a, { type: 'ack', seq }, ms)
    me.say(linkA, a, { type: 'ping', seq: ms }, ms)
    me.say(linkB, record('b'), { type: 'ping', seq: ms }, ms)
  })
  const claim = (sequence: number) => ({
    accuser: asNodeId('b'),
    subject: A,
    incarnation: 1,
    sequence,
    evidence: 'timeout' as const,
    withdrawn: false,
  })
  me.runTo(8_500, ms => {
    me.say(linkB, record('b'), { type: 'ping', seq: ms }, ms)
    if (ms > 6_600 && ms % 500 === 0)
      me.say(linkB, record('b'), { type: 'sync', reply: false, members: [], claims: [claim(ms)] }, ms)
  })
  const verdict = me.membership.ledger.of(A).find(({ event }) => event === 'verdict')
  assert.deepEqual(verdict?.fields['accusers'], ['me:timeout', 'b:timeout'])
  assert.equal(typeof verdict?.fields['srttMs'], 'number')
  assert.ok(Number(verdict?.fields['silenceMs']) > Number(verdict?.fields['limitMs']))
  assert.equal(me.statusOf(a), 'dead')
  me.meet(record('a', { incarnation: 2 }), 8_600)
  const back = me.membership.ledger.of(A).at(-1)
  assert.equal(back?.event, 'member-alive')
  assert.ok(Number(back?.fields['accused']) >= 1)
  assert.match(back?.text ?? '', /ends 2 accusations/)
})

test('of two members the ledger says that neither can tell', () => {
  const me = new Lone()
  me.meet(record('a'), 0)
  me.runTo(3_000)
  assert.ok(me.membership.ledger.of(A).some(({ event }) => event === 'cannot-tell'))
  assert.equal(me.statusOf(record('a')), 'alive')
  me.runTo(9_000)
  assert.equal(me.statusOf(record('a')), 'dead')
})

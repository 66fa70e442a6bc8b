import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asLinkId, asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { ClaimRoutes } from '../../src/membership/claim-routes.ts'
import { ClaimBoard } from '../../src/membership/claims.ts'
import { Contacts } from '../../src/membership/contact.ts'
import type { Claim } from '../../src/membership/messages.ts'
import { Circle } from '../../src/membership/observers.ts'
import { Outbox } from '../../src/membership/outbox.ts'
import { Roster } from '../../src/membership/roster.ts'
import { record } from './records.ts'

const NOW = instantOf(0)

/** `n1` of twenty or so, which observes the subject, and has links to some. */
function stage(members = 20) {
  const roster = new Roster(record('n1'), 100, NOW, wallOf(0))
  for (let i = 2; i <= members; i++) roster.learn(record(`n${i}`), NOW, wallOf(0))
  const [contacts, circle, out] = [new Contacts(() => 0), new Circle(roster), new Outbox()]
  const routes = new ClaimRoutes({ roster, contacts, claims: new ClaimBoard(60_000), circle, out })
  const self = asNodeId('n1')
  const [subject] = circle.observedBy(self)
  assert.ok(subject)
  const claim = (withdrawn: boolean, sequence: number): Claim => ({
    ...{ accuser: self, subject, incarnation: 1, sequence, evidence: 'timeout', withdrawn },
  })
  const linkAll = () => {
    for (const { record: known } of roster.living()) {
      const contact = contacts.of(known.peerId, NOW)
      contact.opened(asLinkId(Number(known.id.slice(1))), undefined, NOW).greeted = true
    }
  }
  /** Claims of the subject that everybody was told, as taken back or not. */
  const published = () =>
    out.take().flatMap(effect => {
      if (effect.kind !== 'publish' || effect.message.type !== 'claims') return []
      return effect.message.claims.map(each => each.withdrawn)
    })
  /** Who was told over a link. */
  const told = () =>
    new Set(out.take().flatMap(effect => (effect.kind === 'send' ? [asNodeId(`n${effect.link}`)] : [])))
  return { routes, roster, circle, claim, linkAll, published, told }
}

/** A node with a long name, which says of 480 others that they are silent. */
function manyLost(prefix: string) {
  const self = record(`${prefix}-0`)
  const roster = new Roster(self, 1_000, NOW, wallOf(0))
  const others = Array.from({ length: 480 }, (_, i) => record(`${prefix}-${i + 1}`))
  for (const other of others) roster.learn(other, NOW, wallOf(0))
  const [contacts, circle, out] = [new Contacts(() => 0), new Circle(roster), new Outbox()]
  circle.setLost(new Set(others.slice(0, -20).map(({ id }) => id)))
  const routes = new ClaimRoutes({ roster, contacts, claims: new ClaimBoard(60_000), circle, out })
  const claims = others.map(
    ({ id }, i): Claim => ({
      ...{ accuser: self.id, subject: id, incarnation: 1_760_000_000_000, sequence: 1_760_000_000_000 + i },
      ...{ evidence: 'timeout', withdrawn: false },
    }),
  )
  return { routes, out, claims }
}

test('a claim that everybody was told while members were lost is taken back from everybody when they are back', () => {
  const { routes, circle, claim, published } = stage()
  circle.setLost(new Set([asNodeId('n20')]))
  routes.say([claim(false, 1)])
  assert.deepEqual(published(), [false])
  circle.setLost(new Set())
  for (const sequence of [2, 2, 2]) routes.say([claim(true, sequence)])
  assert.deepEqual(published(), [true])
})

test('those who judged for members that seemed dead hear it too when a claim is taken back', () => {
  const { routes, roster, circle, claim, linkAll, told } = stage()
  linkAll()
  const { subject } = claim(false, 1)
  const [gone] = circle.observersOf(subject).filter(id => id !== 'n1')
  assert.ok(gone)
  roster.learn(record(gone, { status: 'dead' }), NOW, wallOf(0))
  const stood = circle.observersOf(subject)
  routes.say([claim(false, 1)])
  assert.deepEqual(told(), new Set([...stood, subject].filter(id => id !== 'n1')))
  roster.learn(record(gone, { incarnation: 2 }), NOW, wallOf(0))
  const [stoodIn] = stood.filter(id => !circle.observersOf(subject).includes(id))
  assert.ok(stoodIn)
  for (const time of [1, 2, 3]) {
    routes.say([claim(true, 2)])
    assert.ok(told().has(stoodIn), `each time, for the ${time}. may get lost`)
  }
})

test('what everybody was told is taken back from everybody, though all judges have links by then', () => {
  const { routes, circle, claim, linkAll, published } = stage()
  circle.setLost(new Set([asNodeId('n20')]))
  routes.say([claim(false, 1)])
  circle.setLost(new Set())
  linkAll()
  assert.deepEqual(published(), [false])
  for (const sequence of [2, 2, 2]) routes.say([claim(true, sequence)])
  routes.flush(NOW)
  assert.deepEqual(published(), [true])
})

test('what all eleven were told is taken back from all of them when there are twelve', () => {
  const { routes, roster, claim, linkAll, published } = stage(11)
  routes.say([claim(false, 1)])
  assert.deepEqual(published(), [false])
  roster.learn(record('n12'), NOW, wallOf(0))
  linkAll()
  routes.say([claim(true, 2)])
  routes.flush(NOW)
  assert.deepEqual(published(), [true])
})

test('a claim that is gone leaves nothing behind: the next one is told to those who observe by then', () => {
  const { routes, roster, circle, claim, linkAll, told } = stage()
  linkAll()
  const { subject } = claim(false, 1)
  const [gone] = circle.observersOf(subject).filter(id => id !== 'n1')
  assert.ok(gone)
  routes.say([claim(false, 1)])
  routes.forget(subject)
  roster.learn(record(gone, { status: 'dead' }), NOW, wallOf(0))
  told()
  routes.say([claim(false, 2)])
  assert.equal(told().has(gone), false)
})

test('what is taken back before everybody was told is not told to everybody', () => {
  const { routes, claim, linkAll, published } = stage()
  linkAll()
  routes.say([claim(false, 1)])
  routes.say([claim(true, 2)])
  routes.flush(NOW)
  assert.deepEqual(published(), [])
})

test('where a judge has no link any more, everybody is told that a claim is taken back', () => {
  const { routes, claim, published } = stage()
  routes.say([claim(false, 1)])
  assert.deepEqual(published(), [])
  for (const sequence of [2, 2, 2]) routes.say([claim(true, sequence)])
  assert.deepEqual(published(), [true])
})

test('judges with a link are told over it, and nobody else', () => {
  const { routes, claim, linkAll, published } = stage()
  linkAll()
  routes.say([claim(false, 1)])
  routes.say([claim(true, 2)])
  assert.deepEqual(published(), [])
})

test('however long names are, no message of claims is more than a gossip message may be', () => {
  const { routes, out, claims } = manyLost('w'.repeat(40))
  routes.say(claims)
  const told = out
    .take()
    .flatMap(effect =>
      effect.kind === 'publish' && effect.message.type === 'claims' ? [effect.message] : [],
    )
  for (const message of told)
    assert.ok(JSON.stringify(message).length <= 65_536, `${JSON.stringify(message).length}`)
  assert.equal(told.flatMap(message => message.claims).length, claims.length)
})

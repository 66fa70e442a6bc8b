import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { ClaimBoard } from '../../src/membership/claims.ts'
import { membershipDefaults } from '../../src/membership/config.ts'
import type { Evidence } from '../../src/membership/messages.ts'
import { Circle } from '../../src/membership/observers.ts'
import { Roster } from '../../src/membership/roster.ts'
import { Verdicts } from '../../src/membership/verdicts.ts'
import { record } from './records.ts'

/** A cluster seen by n1, all members known since 0; claims come when the test says so. */
function court(names: readonly string[], mayEvict?: () => boolean, decidesAlone?: () => boolean) {
  const [self, ...others] = names
  const roster = new Roster(record(self ?? 'n1'), 100, instantOf(0), wallOf(0))
  for (const name of others) roster.learn(record(name), instantOf(0), wallOf(0))
  const claims = new ClaimBoard(60_000)
  const verdicts = new Verdicts(
    membershipDefaults(),
    { roster, claims, circle: new Circle(roster), hears: () => false },
    mayEvict,
    decidesAlone,
  )
  let sequence = 0
  const accuse = (
    accuser: string,
    subject: string,
    ms: number,
    evidence: Evidence = 'timeout',
    withdrawn = false,
  ) =>
    claims.note(
      {
        accuser: asNodeId(accuser),
        subject: asNodeId(subject),
        incarnation: 1,
        sequence: ++sequence,
        evidence,
        withdrawn,
      },
      instantOf(ms),
    )
  const judge = (ms: number, muted = false) =>
    verdicts.judge(muted, instantOf(ms)).map(verdict => verdict.subject)
  return { roster, verdicts, accuse, judge }
}

const eight = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8']

test('a majority of the observers convicts after the hold, and not before', () => {
  const { accuse, judge } = court(eight)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n8', 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(10_699), [])
  assert.deepEqual(judge(10_700), ['n8'])
})

test('less than a majority never convicts', () => {
  const { accuse, judge } = court(eight)
  for (const accuser of ['n1', 'n2', 'n3']) accuse(accuser, 'n8', 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(30_000), [])
})

test('a majority of refusals convicts at once', () => {
  const { accuse, judge } = court(eight)
  for (const accuser of ['n2', 'n3', 'n4', 'n5']) accuse(accuser, 'n8', 10_000, 'refused')
  assert.deepEqual(judge(10_000), ['n8'])
})

test('a majority that is broken in between starts its hold anew', () => {
  const { accuse, judge } = court(eight)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n8', 10_000)
  assert.deepEqual(judge(10_000), [])
  accuse('n4', 'n8', 10_500, 'timeout', true)
  assert.deepEqual(judge(10_500), [])
  accuse('n4', 'n8', 10_600)
  assert.deepEqual(judge(10_600), [])
  assert.deepEqual(judge(11_200), [])
  assert.deepEqual(judge(11_300), ['n8'])
})

test('observers under two accusations are not waited for: five bury three', () => {
  const { accuse, judge } = court(eight)
  const five = ['n1', 'n2', 'n3', 'n4', 'n5']
  for (const subject of ['n6', 'n7', 'n8']) for (const accuser of five) accuse(accuser, subject, 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(10_700), ['n6', 'n7', 'n8'])
})

test('when most of the cluster would be dead, the same picture must stand for five seconds', () => {
  const { accuse, judge } = court(eight)
  const three = ['n1', 'n2', 'n3']
  for (const subject of eight.slice(3)) for (const accuser of three) accuse(accuser, subject, 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(14_999), [])
  assert.deepEqual(judge(15_000), eight.slice(3))
})

test('deaths one after the other do not slip past the caution', () => {
  const { accuse, judge, roster } = court(['n1', 'n2', 'n3', 'n4'])
  const dead: string[] = []
  for (const [i, subject] of ['n2', 'n3', 'n4'].entries()) {
    const ms = 10_000 + i * 1_000
    for (const accuser of ['n1', 'n2', 'n3', 'n4'].filter(name => name !== subject))
      accuse(accuser, subject, ms, 'refused')
    for (const id of judge(ms)) {
      roster.learn(record(id, { status: 'dead' }), instantOf(ms), wallOf(ms))
      dead.push(id)
    }
  }
  assert.deepEqual(dead, ['n2', 'n3'])
})

test('a node alone against silence trusts its own eyes after the caution, and not before', () => {
  const { accuse, judge } = court(['n1', 'n2', 'n3'])
  for (const subject of ['n2', 'n3']) accuse('n1', subject, 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(14_900), [])
  assert.deepEqual(judge(15_000), ['n2', 'n3'])
})

test('one accuser among listeners who hear the accused convicts nobody, however long', () => {
  const { accuse, judge } = court(['n1', 'n2', 'n3'])
  accuse('n1', 'n2', 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(60_000), [])
})

test('of two members neither can tell a death from a cut: silence convicts after the caution time, a refusal at once', () => {
  const { accuse, judge } = court(['n1', 'n2'])
  accuse('n1', 'n2', 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(14_900), [])
  assert.deepEqual(judge(15_000), ['n2'])
  const refused = court(['n1', 'n2'])
  refused.accuse('n1', 'n2', 10_000, 'refused')
  assert.deepEqual(refused.judge(10_000), ['n2'])
})

test('a new observer does not count before it has watched long enough', () => {
  const { accuse, judge, roster } = court(['n1', 'n2', 'n3'])
  roster.learn(record('n4'), instantOf(9_500), wallOf(0))
  roster.learn(record('n5'), instantOf(9_500), wallOf(0))
  for (const accuser of ['n4', 'n5']) accuse(accuser, 'n2', 10_000)
  judge(10_000)
  assert.deepEqual(judge(10_900), [])
})

test('while this node’s own sense of time is in doubt only refusals convict', () => {
  const { accuse, judge, roster } = court(eight)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n7', 10_000)
  for (const accuser of ['n2', 'n3', 'n4', 'n5']) accuse(accuser, 'n8', 10_000, 'refused')
  assert.deepEqual(judge(10_000, true), ['n8'])
  roster.learn(record('n8', { status: 'dead' }), instantOf(10_000), wallOf(0))
  assert.deepEqual(judge(12_000, true), [])
})

const twenty = Array.from({ length: 20 }, (_, i) => `n${i + 1}`)

/** A court of twenty, and a member that `n1` observes, with its other observers. */
function largeCourt(mayEvict?: () => boolean) {
  const scene = court(twenty, mayEvict)
  const self = asNodeId('n1')
  const circle = new Circle(scene.roster)
  const subject = circle.observedBy(self)[0]
  assert.ok(subject)
  const others = circle.observersOf(subject).filter(id => id !== self)
  return { ...scene, subject, others }
}

test('those on whom the duty falls while others die are not waited for', () => {
  const { accuse, judge, roster, subject, others } = largeCourt()
  const [mine, theirs] = [others.slice(0, 4), others.slice(4)]
  for (const accuser of ['n1', ...mine]) accuse(accuser, subject, 10_000)
  for (const doubtful of theirs) for (const accuser of mine.slice(0, 2)) accuse(accuser, doubtful, 10_000)
  judge(10_000)
  for (const dead of theirs) roster.learn(record(dead, { status: 'dead' }), instantOf(10_400), wallOf(0))
  judge(10_500)
  assert.deepEqual(judge(11_000), [subject])
})

test('above eleven members nobody judges whom it does not observe', () => {
  const { accuse, judge, roster } = largeCourt()
  const circle = new Circle(roster)
  const stranger = twenty.map(asNodeId).find(id => id !== 'n1' && !circle.observes(asNodeId('n1'), id))
  assert.ok(stranger)
  for (const accuser of circle.observersOf(stranger)) accuse(accuser, stranger, 10_000, 'refused')
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(20_000), [])
})

test('without a lease no verdict is carried out; it is when it has stood for a hold with one', () => {
  let lease = false
  const { accuse, judge, verdicts } = court(eight, () => lease)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n8', 10_000)
  judge(10_000)
  assert.deepEqual(judge(10_800), [])
  assert.deepEqual([...verdicts.withheld], ['n8'])
  lease = true
  assert.deepEqual(judge(10_900), [])
  assert.equal(verdicts.withheld.size, 0)
  assert.deepEqual(judge(11_599), [])
  assert.deepEqual(judge(11_600), ['n8'])
})

test('a cut that heals buries nobody: those accused across it have a hold to be heard again', () => {
  let lease = false
  const { accuse, judge } = court(eight, () => lease)
  const accusers = ['n1', 'n2', 'n3', 'n4']
  for (const accuser of accusers) accuse(accuser, 'n8', 10_000)
  judge(10_000)
  judge(20_000)
  lease = true
  assert.deepEqual(judge(20_010), [])
  for (const accuser of accusers) accuse(accuser, 'n8', 20_300, 'timeout', true)
  assert.deepEqual(judge(20_300), [])
  assert.deepEqual(judge(30_000), [])
})

test('a refusal needs no hold once there is a lease', () => {
  let lease = false
  const { accuse, judge } = court(eight, () => lease)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n8', 10_000, 'refused')
  assert.deepEqual(judge(10_000), [])
  lease = true
  assert.deepEqual(judge(10_010), ['n8'])
})

test('what is held back is forgotten when the claims are taken back', () => {
  const { accuse, judge, verdicts } = court(eight, () => false)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n8', 10_000)
  judge(10_000)
  judge(10_800)
  assert.equal(verdicts.withheld.size, 1)
  for (const accuser of ['n1', 'n2', 'n3', 'n4']) accuse(accuser, 'n8', 11_000, 'timeout', true)
  judge(11_000)
  assert.equal(verdicts.withheld.size, 0)
})

test('in quorum mode the only one left whose own vote is a quorum trusts its own eyes, or the dead keep their keys for ever', () => {
  let lease = false
  const { accuse, judge } = court(
    ['n1', 'n2', 'n3', 'n4'],
    () => lease,
    () => true,
  )
  for (const subject of ['n2', 'n3', 'n4']) accuse('n1', subject, 10_000)
  assert.deepEqual(judge(20_000), [], 'without a lease not even that one')
  lease = true
  assert.deepEqual(judge(20_010), [])
  assert.deepEqual(judge(25_000), [])
  assert.deepEqual(judge(25_010), ['n2', 'n3', 'n4'])
})

test('in quorum mode nobody else trusts only his own eyes, lease or not', () => {
  const { accuse, judge } = court(
    ['n1', 'n2', 'n3', 'n4'],
    () => true,
    () => false,
  )
  for (const subject of ['n2', 'n3', 'n4']) accuse('n1', subject, 10_000)
  assert.deepEqual(judge(10_000), [])
  assert.deepEqual(judge(30_000), [])
})

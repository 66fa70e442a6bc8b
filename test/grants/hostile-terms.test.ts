/** One word of an unheard-of term, of a member whose memory failed or that means harm, does not end the right to act of all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TERM_MAX } from '../../src/base/believed-terms.ts'
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { GrantsLinkMessage } from '../../src/grants/messages.ts'
import { highestTold } from '../../src/grants/told-terms.ts'
import { hashOf } from '../../src/grants/voter-list.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring, RingMember } from '../../src/ring/ring.ts'
import { Subject } from './subject.ts'
import { Timeline } from './timeline.ts'

const IDS = ['n0', 'n1', 'n2'].map(asNodeId)
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const buildOf = (members: readonly RingMember[]): Ring =>
  buildRing(members, { ...ringDefaults(), vnodesPerWeight: 4 })
const ringOf = (ids: typeof IDS): Ring => buildOf(ids.map(id => ({ id, weight: 1 })))

/** Three voters; what they tell above the highest term is lost, as the wire loses it. */
class World {
  readonly timeline = new Timeline()
  readonly subjects: Subject[]
  readonly ring = ringOf(IDS)

  constructor() {
    const random = new Random(7)
    const common = {
      ...{ rate: 1, offset: 0, wallOffset: 0, random, timeline: this.timeline, voters: IDS },
      ...{ trustRefused: true, buildRing: buildOf, keys: KEYS, fill: [], stepped: () => {} },
    }
    this.subjects = IDS.map(
      id =>
        new Subject(
          {
            ...{ ...common, id },
            send: (from, { to, message }) => {
              if (highestTold(message) > TERM_MAX) return
              this.timeline.after(2, () => this.tell(this.#of(to), from, message))
            },
          },
          this.ring,
        ),
    )
    for (const subject of this.subjects) subject.start(IDS)
    this.timeline.runUntil(6_000)
    assert.equal(this.acted, KEYS.length)
  }

  #of(id: string): Subject {
    const subject = this.subjects.find(each => each.id === id)
    assert.ok(subject)
    return subject
  }

  tell(to: Subject, from: Subject, message: GrantsLinkMessage): void {
    to.step((grants, now) => grants.message(from.id, asPeerId(from.peer), message, now))
  }

  /** Keys for which somebody may act now. */
  get acted(): number {
    const { now } = this.timeline
    return KEYS.filter(key => this.subjects.some(({ leaves }) => (leaves.get(key)?.until ?? 0) > now)).length
  }

  /** The last of them dies, and the others take its keys over, under a term above all before. */
  takeOver(): void {
    const [first, second, last] = this.subjects
    assert.ok(first && second && last)
    last.kill()
    const left = IDS.slice(0, 2)
    this.timeline.runUntil(this.timeline.now + 5_000)
    for (const subject of [first, second]) subject.see(ringOf(left), left, false, () => 0)
    this.timeline.runUntil(this.timeline.now + 30_000)
    assert.equal(this.acted, KEYS.length)
  }

  /** Of the last, to both others. */
  said(message: (to: Subject) => GrantsLinkMessage): void {
    const [first, second, last] = this.subjects
    assert.ok(first && second && last)
    for (const to of [first, second]) this.tell(to, last, message(to))
  }
}

test('a request for the highest term there is', () => {
  const world = new World()
  const last = world.subjects.at(-1)
  world.said(to => ({
    ...{ type: 'renew', session: last?.boot ?? 0, seq: 1_000_000, term: TERM_MAX },
    scope: { ring: world.ring.checksum, leaving: false, keeps: [] },
    voters: to.grants?.voters.name ?? { version: 0, hash: '' },
    disk: last?.grants?.disk ?? '',
  }))
  world.takeOver()
})

test('a voter list with such a term as its floor', () => {
  const world = new World()
  const list = { version: 1, names: IDS, fixed: true }
  world.said(() => ({
    ...{ type: 'voters', firm: true, top: 0, promiseMs: 2_500, disk: 'of the last' },
    list: { ...list, version: 3, root: hashOf(list), floor: TERM_MAX },
  }))
  world.takeOver()
})

test('a holder that says that such a term was acted under', () => {
  const world = new World()
  for (const subject of world.subjects) subject.step(grants => grants.outranked(TERM_MAX))
  world.timeline.runUntil(world.timeline.now + 10_000)
  assert.equal(world.acted, KEYS.length)
  world.takeOver()
})

test('a round of such a number, after which no change of the voter list could be begun', () => {
  const world = new World()
  const [first] = world.subjects
  const version = first?.grants?.voters.list?.version ?? 0
  const root = first?.grants?.voters.name?.hash ?? ''
  const ballot = { round: TERM_MAX, by: IDS[2] ?? asNodeId('n2') }
  world.said(() => ({ type: 'voters-prepare', version, root, ballot }))
  first?.step((grants, now) => void grants.changeVoters('remove', ballot.by, now))
  world.timeline.runUntil(world.timeline.now + 10_000)
  assert.deepEqual(first?.grants?.voters.names, IDS.slice(0, 2))
})

test('that such a word was not believed is counted', () => {
  const world = new World()
  world.said(() => ({ type: 'top-tell', top: TERM_MAX, known: true }))
  assert.deepEqual(
    world.subjects.map(({ grants }) => grants?.counters()['termsRefused']),
    [1, 1, 0],
  )
})

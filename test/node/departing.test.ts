import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Departing } from '../../src/node/departing.ts'
import { at, Lone, record } from '../membership/records.ts'

/** A node that leaves at 0 while its tasks drain at `drainedAt` or never; `answers`: do the others acknowledge? */
function departure(options: {
  deadlineMs: number
  drainedAt?: number
  givesBackIn?: number
  answers?: boolean
}) {
  const lone = new Lone()
  const others = [record('a'), record('b')]
  const links = others.map(other => lone.meet(other, 0))
  let now = 0
  let abandonedAt: number | undefined
  const departing = new Departing(lone.membership, {
    leave: () => [],
    drained: () => {
      const givenBack =
        abandonedAt !== undefined &&
        options.givesBackIn !== undefined &&
        now >= abandonedAt + options.givesBackIn
      return givenBack || (options.drainedAt !== undefined && now >= options.drainedAt)
    },
    abandon: () => {
      abandonedAt = now
      return []
    },
  })
  departing.begin(options.deadlineMs, at(0))
  for (now = 0; now <= 60_000; now += 50) {
    if (departing.advance(at(now)).left) break
    for (const effect of lone.collect()) {
      const isFarewell =
        effect.kind === 'send' && effect.message.type === 'leave' && effect.message.member.status === 'left'
      const index = effect.kind === 'send' ? links.indexOf(effect.link) : -1
      const other = others[index]
      if (!isFarewell || !options.answers || other === undefined) continue
      lone.say(effect.link, other, { type: 'leave-ack', incarnation: 1 }, now)
    }
  }
  return { endedAt: now, abandonedAt, status: lone.membership.self.status }
}

test('a leave ends within its deadline, whatever hangs and whoever does not answer', () => {
  fc.assert(
    fc.property(
      fc.record({
        deadlineMs: fc.integer({ min: 0, max: 30_000 }),
        drainedAt: fc.option(fc.integer({ min: 0, max: 40_000 }), { nil: undefined }),
        givesBackIn: fc.option(fc.integer({ min: 0, max: 2_000 }), { nil: undefined }),
        answers: fc.boolean(),
      }),
      ({ deadlineMs, drainedAt, givesBackIn, answers }) => {
        const end = departure({
          deadlineMs,
          answers,
          ...(drainedAt === undefined ? {} : { drainedAt }),
          ...(givesBackIn === undefined ? {} : { givesBackIn }),
        })
        assert.equal(end.status, 'left')
        // Three looks at the clock, 50 ms apart each: drained, said, done.
        assert.ok(end.endedAt <= deadlineMs + 150, `${end.endedAt} of ${deadlineMs} ms`)
      },
    ),
    { numRuns: 60 },
  )
})

test('a leave with nothing to drain does not wait for its deadline', () => {
  const end = departure({ deadlineMs: 30_000, drainedAt: 0, answers: true })
  assert.ok(end.endedAt <= 100, `${end.endedAt} ms`)
})

test('what hangs is given up in time to hand it back and say farewell', () => {
  const end = departure({ deadlineMs: 10_000, answers: false })
  assert.equal(end.abandonedAt, 8_500)
  assert.equal(departure({ deadlineMs: 1_000, answers: false }).abandonedAt, 500)
})

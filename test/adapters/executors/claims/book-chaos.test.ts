import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instantOf, NEVER } from '../../../../src/base/time.ts'
import { done, nameOfClaim, Scene } from './subject.ts'

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'wait',
      'gone',
      'order',
      'abort',
      'renew',
      'finish',
      'undelivered',
      'extend',
      'pass',
    ),
    pick: fc.nat(30),
    ms: fc.integer({ min: 1, max: 12_000 }),
  }),
  { maxLength: 80 },
)

test('whatever happens, every attempt ends once, every client is answered once, and nothing is left over', () => {
  fc.assert(
    fc.property(steps, script => {
      const scene = new Scene()
      let tasks = 0
      const waiters: number[] = []
      const some = <T>(list: readonly T[], pick: number): T | undefined =>
        list[pick % Math.max(1, list.length)]
      for (const { kind, pick, ms } of script) {
        const claim = some(scene.handed, pick)
        if (kind === 'wait' && scene.book.full() === undefined)
          waiters.push(scene.wait(['x'], 1 + (pick % 3), ms))
        else if (kind === 'gone') scene.do(scene.book.gone(some(waiters, pick) ?? 0, scene.at))
        else if (kind === 'order') {
          const until = pick % 2 === 0 ? NEVER : instantOf(scene.now + ms)
          scene.order(`t${tasks++}`, { offer: some(waiters, pick) ?? 0, timeoutMs: ms * 3 }, until)
        } else if (kind === 'abort') scene.do(scene.book.abort(`1 t${pick}`))
        else if (kind === 'extend') scene.book.extend(`1 t${pick}`, instantOf(scene.now + ms))
        else if (kind === 'pass') scene.pass(ms)
        else if (claim !== undefined && kind === 'renew') scene.renew(nameOfClaim(claim))
        else if (claim !== undefined && kind === 'finish') scene.finish(nameOfClaim(claim), done)
        else if (claim !== undefined && kind === 'undelivered')
          scene.do(scene.book.undelivered([claim.id], scene.at))
      }
      scene.pass(200_000)
      const ended = scene.ends.map(([attempt]) => attempt)
      assert.deepEqual([ended.length, new Set(ended).size], [tasks, tasks])
      const answered = scene.of('hand').map(({ waiter }) => waiter)
      assert.equal(new Set(answered).size, answered.length)
      assert.deepEqual([scene.book.waiting, scene.book.held.size, scene.book.unclaimed], [0, 0, 0])
      const offered = scene.of('offer').map(({ offer }) => offer)
      const withdrawn = scene.of('withdraw').map(({ offer }) => offer)
      assert.deepEqual(new Set(withdrawn), new Set(offered))
      assert.equal(scene.book.nextWake, NEVER)
    }),
    { numRuns: 300 },
  )
})

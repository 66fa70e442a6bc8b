/** Attempts that are noted on disks before there is a place for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DONE, own, ready, type Scene } from './scene.ts'

const NOTE_MS = 200

/** A holder has what was sent to it after a while each time. */
function slowly(scene: Scene, ms: number): void {
  for (const end = scene.solo.now + ms; scene.solo.now < end; ) {
    scene.solo.pass(NOTE_MS)
    scene.acknowledge('n2')
  }
}

test('while all places are busy for long, what waits is begun in vain a few times, and not all that time', () => {
  const scene = ready({ concurrency: 8 })
  const { solo } = scene
  for (let i = 0; i < 20; i++) {
    solo.submit(own(`short-${i}`))
    slowly(scene, NOTE_MS)
    solo.pass(50)
    solo.end(`short-${i}`, 1, DONE)
  }
  const long = Array.from({ length: 8 }, (_, i) => `long-${i}`)
  for (const id of [...long, 'late']) solo.submit(own(id))
  slowly(scene, 10_000)
  const begun = (): number => solo.record('late').attempts.at(-1)?.number ?? 0
  const inVain = begun()
  assert.ok(inVain >= 1 && inVain <= 4, `${inVain} times`)
  slowly(scene, 20_000)
  assert.equal(begun(), inVain)
  solo.end('long-0', 1, DONE)
  slowly(scene, 1_000)
  assert.equal(solo.orders.at(-1)?.task, 'late')
})

test('an attempt whose start too few holders noted in time was not fenced: it is given back, and its record says why', () => {
  const scene = ready()
  const { solo } = scene
  solo.submit(own('a', { maxAttempts: 1 }))
  solo.pass(5_100)
  const [first] = solo.record('a').attempts
  assert.deepEqual([first?.outcome, first?.error?.code], ['cancelled', 'CANCELLED'])
  assert.match(first?.error?.message ?? '', /^it was not carried out: too few holders noted its start/)
  assert.deepEqual(
    [solo.metric('starts_short_total'), solo.metric('attempts_fenced_total')],
    [solo.logged('task-start-short').length, 0],
  )
  solo.pass(1_000)
  scene.acknowledge('n2')
  assert.deepEqual(
    solo.orders.map(({ task }) => task),
    ['a'],
  )
})

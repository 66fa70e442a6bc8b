import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DeadlineWatch } from '../../../src/adapters/executors/deadline-watch.ts'
import { monotonicMs, sharedMsOf } from '../../../src/adapters/executors/monotonic-clock.ts'
import { after, instantOf, NEVER } from '../../../src/base/time.ts'
import { until } from './scene.ts'

/** Keeps this thread busy, so that no timer can fire, to a point on the shared clock. */
function blockUntil(ms: number): void {
  while (monotonicMs() < ms);
}

test('two processes of one machine read the same clock', () => {
  const module = fileURLToPath(new URL('../../../src/adapters/executors/monotonic-clock.ts', import.meta.url))
  const source = `import { monotonicMs } from ${JSON.stringify(module)}; process.stdout.write(String(monotonicMs()))`
  const before = monotonicMs()
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
  assert.ok(Number(stdout) > before && Number(stdout) < monotonicMs(), stdout)
})

test('an instant of this process keeps its distance on the shared clock, and never has none', () => {
  const shared = sharedMsOf(after(instantOf(performance.now()), 1_000))
  assert.ok(Math.abs(Number(shared) - monotonicMs() - 1_000) < 100, String(shared))
  assert.ok(Number.isSafeInteger(shared))
  assert.equal(sharedMsOf(NEVER), null)
})

test('each entry is due once, its lead before the deadline, in the order of the deadlines', async () => {
  const due: [number, number][] = []
  const watch = new DeadlineWatch(50, id => due.push([id, monotonicMs()]))
  const begun = monotonicMs()
  watch.add(1, begun + 250)
  watch.add(2, begun + 150)
  watch.add(3, null)
  watch.add(4, begun + 200)
  watch.delete(4)
  await until('two are due', () => due.length === 2)
  assert.deepEqual(
    due.map(([id]) => id),
    [2, 1],
  )
  assert.ok(Number(due[0]?.[1]) >= begun + 100 && Number(due[1]?.[1]) >= begun + 200, JSON.stringify(due))
  watch.look()
  assert.equal(due.length, 2)
  watch.delete(3)
})

test('an extension moves a deadline to a later time and never to an earlier one', async () => {
  const due: [number, number][] = []
  const watch = new DeadlineWatch(0, id => due.push([id, monotonicMs()]))
  const begun = monotonicMs()
  watch.add(1, begun + 100)
  assert.equal(watch.extend(1, begun + 300), true)
  assert.equal(watch.extend(1, begun + 200), true)
  watch.add(2, null)
  assert.equal(watch.extend(2, begun + 10), true)
  await until('the first is due', () => due.length > 0)
  assert.ok(Number(due[0]?.[1]) >= begun + 300)
  assert.deepEqual([due.length, due[0]?.[0]], [1, 1])
  assert.equal(watch.extend(1, begun + 9_000), false)
  watch.delete(2)
})

test('a look finds what is due although its timer had no chance to fire', () => {
  const due: number[] = []
  const watch = new DeadlineWatch(100, id => due.push(id))
  const begun = monotonicMs()
  watch.add(1, begun + 120)
  watch.add(2, begun + 60_000)
  watch.look()
  assert.deepEqual(due, [])
  blockUntil(begun + 21)
  watch.look()
  assert.deepEqual(due, [1])
  watch.delete(2)
})

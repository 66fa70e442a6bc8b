import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { holdSignals, onTermination } from '../../../src/adapters/system/signals.ts'

const script = join(import.meta.dirname, 'system-process.ts')

interface Subject {
  readonly child: ChildProcess
  /** Resolves with the next log line. */
  next(): Promise<{ event: string; signal?: string }>
}

async function withSubject(run: (subject: Subject) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, [script, 'signals'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? '') as { event: string; signal?: string }
  try {
    assert.equal((await next()).event, 'ready')
    await run({ child, next })
  } finally {
    child.kill('SIGKILL')
  }
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`the first ${signal} asks, the second ends the process at once with ${code}`, () =>
    withSubject(async ({ child, next }) => {
      const exit = once(child, 'exit')
      child.kill(signal)
      const first = await next()
      assert.deepEqual([first.event, first.signal], ['first', signal])
      assert.equal(child.exitCode, null)
      await new Promise(resolve => setTimeout(resolve, 120)) // two presses, not one key passed on twice
      child.kill(signal)
      const second = await next()
      assert.deepEqual([second.event, second.signal], ['second', signal])
      assert.deepEqual(await exit, [code, null])
    }))
}

test('a SIGTERM after a SIGINT ends the process without delay', () =>
  withSubject(async ({ child, next }) => {
    const exit = once(child, 'exit')
    child.kill('SIGINT')
    assert.equal((await next()).event, 'first')
    child.kill('SIGTERM')
    assert.deepEqual(await exit, [143, null])
  }))

test('SIGHUP is passed on and ends nothing, however often', () =>
  withSubject(async ({ child, next }) => {
    for (let i = 0; i < 3; i++) {
      child.kill('SIGHUP')
      assert.equal((await next()).event, 'hangup')
    }
    assert.equal(child.exitCode, null)
  }))

for (const [signal, code] of [
  ['SIGINT', 143],
  ['SIGTERM', 130],
] as const) {
  test(`a ${signal} that comes twice within a moment is one, as when a wrapper passes on what it got itself`, () => {
    const { stdout, status } = spawnSync(process.execPath, [script, 'bounce', signal], { encoding: 'utf8' })
    assert.equal(stdout, `${signal}\nalive\n`)
    assert.equal(status, code)
  })
}

test('a SIGHUP that is held waits for those who take it, whoever acts on the signals before', () => {
  const signals = holdSignals()
  const seen: string[] = []
  process.emit('SIGHUP', 'SIGHUP')
  signals.deliverTo({ first: signal => seen.push(signal) })
  process.emit('SIGHUP', 'SIGHUP')
  assert.equal(seen.length, 0)
  signals.deliverTo({ first: assert.fail, hangup: () => seen.push('SIGHUP') })
  assert.deepEqual(seen, ['SIGHUP'])
  signals.release()
})

test('the signals can be given back', () => {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const before = names.map(name => process.listenerCount(name))
  const release = onTermination({ first: () => {}, hangup: () => {} })
  assert.deepEqual(
    names.map(name => process.listenerCount(name)),
    before.map(count => count + 1),
  )
  release()
  release()
  assert.deepEqual(
    names.map(name => process.listenerCount(name)),
    before,
  )
})

test('signals that are held wait for whoever acts on them, a SIGHUP once however many came', () => {
  const outer = holdSignals()
  const inner = holdSignals()
  const seen: string[] = []
  for (let i = 0; i < 3; i++) process.emit('SIGHUP', 'SIGHUP')
  assert.equal(inner.ending, undefined)
  process.emit('SIGTERM', 'SIGTERM')
  assert.equal(inner.ending, 'SIGTERM')
  inner.deliverTo({ first: signal => seen.push(signal), hangup: () => seen.push('SIGHUP') })
  assert.deepEqual(seen, ['SIGTERM', 'SIGHUP'])
  process.emit('SIGHUP', 'SIGHUP')
  assert.deepEqual(seen, ['SIGTERM', 'SIGHUP', 'SIGHUP'])
  inner.release()
  inner.release()
  assert.equal(process.listenerCount('SIGHUP'), 1, 'the other one still holds them')
  outer.release()
  assert.equal(process.listenerCount('SIGHUP'), 0)
  const next = holdSignals()
  assert.equal(next.ending, undefined, 'what was held is forgotten with them')
  next.release()
})

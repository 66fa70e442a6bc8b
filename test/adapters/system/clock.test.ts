import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { createClock } from '../../../src/adapters/system/clock.ts'

test('the monotonic clock never goes back and counts milliseconds; the wall clock is the one of the system', () => {
  const clock = createClock()
  const first = clock.now()
  const from = process.hrtime.bigint()
  let until = from
  let last = first
  while (until - from < 20_000_000n) {
    until = process.hrtime.bigint()
    const now = clock.now()
    assert.ok(now.mono >= last.mono)
    last = now
  }
  // The kernel's own count lies wholly between the first reading and the last, however long the process waited for a core.
  const counted = Number(until - from) / 1e6
  assert.ok(
    last.mono - first.mono >= counted - 0.01,
    `${last.mono - first.mono} ms, the kernel counted ${counted} ms`,
  )
  assert.ok(Math.abs(last.wall - Date.now()) < 1000)
})

test('the monotonic clock goes on while the process is stopped', async () => {
  const script = join(import.meta.dirname, 'system-process.ts')
  const child = spawn(process.execPath, [script, 'clock'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (): Promise<number> => {
    child.stdin.write('?')
    return Number((await lines.next()).value)
  }
  try {
    assert.equal((await lines.next()).value, 'ready')
    const before = await ask()
    child.kill('SIGSTOP')
    while (stateOf(child.pid) !== 'T') await new Promise(resolve => setImmediate(resolve))
    const from = performance.now()
    await new Promise(resolve => setTimeout(resolve, 200)) // the time that is to be counted
    const stopped = performance.now() - from
    child.kill('SIGCONT')
    const after = await ask()
    assert.ok(after - before >= stopped, `${after - before} ms counted, ${stopped} ms stopped`)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

/** The letter that the kernel gives a process's state; T is stopped. */
function stateOf(pid: number | undefined): string | undefined {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
}

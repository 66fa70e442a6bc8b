import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/** Fails when the process has not ended in time, 5 s by default; its parent need not have noticed. */
export async function untilEnded({ pid }: ChildProcess, withinMs = 5_000): Promise<void> {
  const state = () => /^State:\t(.)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  const until = performance.now() + withinMs
  while (existsSync(`/proc/${pid}`) && state() !== 'Z') {
    assert.ok(performance.now() < until, `still in state ${state()}`)
    await pause(10)
  }
}

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { groupOf, signalGroup, startTicksOf } from '../../../src/adapters/executors/process-group.ts'
import { isAlive } from './scene.ts'

const linux = { skip: process.platform !== 'linux' }

test('a process that has taken over the number of a dead one is not touched', linux, async () => {
  const child = spawn('sleep', ['600'], { detached: true })
  await once(child, 'spawn')
  const group = groupOf(Number(child.pid))
  assert.equal(signalGroup({ ...group, startTicks: '1' }, 'SIGKILL'), false)
  assert.equal(isAlive(group.pid), true)
  assert.equal(signalGroup(group, 'SIGKILL'), true)
  const [, signal] = await once(child, 'exit')
  assert.equal(signal, 'SIGKILL')
  assert.equal(signalGroup(group, 'SIGKILL'), false)
})

test(
  'the start of a process is told from that of another, whatever the program is called',
  linux,
  async () => {
    const own = startTicksOf(process.pid)
    assert.match(String(own), /^[0-9]+$/)
    assert.equal(startTicksOf(process.pid), own)
    assert.equal(startTicksOf(2 ** 30), null)
  },
)

test('group 0, 1 and -1 are a bug and are never signalled', () => {
  for (const pid of [0, 1, -1]) assert.throws(() => signalGroup({ pid, startTicks: null }, 'SIGKILL'), /bug/)
})

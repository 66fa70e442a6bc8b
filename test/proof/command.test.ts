import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { lives } from '../faults/started.ts'
import { command } from './command.ts'

const TIME = { timeout: 60_000 }
const linux = { ...TIME, skip: process.platform === 'linux' ? false : 'only Linux tells who was left' }

/** The program of a process that says its pid, and goes on until it is killed. */
const STAYS = 'console.log(process.pid); setInterval(() => undefined, 1e6)'

test('what it says on both streams is kept, with its code', TIME, async () => {
  const ran = await command('sh', ['-c', 'echo out; echo err >&2; exit 3'], 30)
  assert.deepEqual([ran.code, ran.stdout, ran.stderr, ran.left], [3, 'out\n', 'err\n', 0])
})

test('one that takes too long is told to end, and may take down what it put up', TIME, async () => {
  const program = "trap 'echo taken down; exit 7' TERM; while :; do sleep 1; done"
  const ran = await command('sh', ['-c', program], 1)
  assert.deepEqual([ran.code, ran.stdout], [7, 'taken down\n'])
})

test(
  'what it leaves behind is killed, though it leads a group of its own and holds the output open',
  linux,
  async () => {
    const program = `const { spawn } = require('node:child_process')
    const stays = spawn(process.execPath, ['-e', ${JSON.stringify(STAYS)}], { detached: true, stdio: ['ignore', 1, 2] })
    stays.unref()`
    const ran = await command(process.execPath, ['-e', program], 30)
    assert.equal(ran.left, 1)
    assert.ok(!lives(Number(ran.stdout)), `process ${ran.stdout.trim()} runs on`)
  },
)

test('an interrupted proof ends what it runs', TIME, async () => {
  const url = JSON.stringify(new URL('./command.ts', import.meta.url).href)
  const says = 'console.error(process.pid); setInterval(() => undefined, 1e6)'
  const program = `import { command } from ${url}; await command(process.execPath, ['-e', ${JSON.stringify(says)}], 600)`
  const proof = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [line] = (await once(createInterface({ input: proof.stderr }), 'line')) as [string]
  proof.kill('SIGINT')
  const [code] = await once(proof, 'exit')
  assert.equal(code, 130)
  assert.ok(!lives(Number(line)), `process ${line.trim()} runs on`)
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const MODULE = new URL('../../../src/adapters/storage/end-now.ts', import.meta.url).href
const PROGRAM = `const { endNow } = await import('${MODULE}'); process.on('exit', () => console.log('exit')); endNow()`
const NODE = [process.execPath, '--input-type=module', '-e', PROGRAM]

const canIsolate =
  spawnSync('unshare', ['-pf', 'true']).status === 0 ? false : 'needs leave to make a pid namespace'

test('a process is gone by SIGKILL, and nothing of it runs any more', { timeout: 20_000 }, () => {
  const [node, ...args] = NODE as [string, ...string[]]
  const { signal, stdout } = spawnSync(node, args, { encoding: 'utf8', timeout: 10_000 })
  assert.equal(signal, 'SIGKILL')
  assert.equal(stdout, '')
})

test('so is process 1 of a container, to which a SIGKILL of its own does nothing', {
  timeout: 20_000,
  skip: canIsolate,
}, () => {
  const { error, status, signal, stdout } = spawnSync('unshare', ['-pf', ...NODE], {
    encoding: 'utf8',
    timeout: 10_000,
    killSignal: 'SIGKILL',
  })
  assert.equal(error, undefined, 'it was gone in time')
  assert.ok(signal !== null || status !== 0)
  assert.equal(stdout, '')
})

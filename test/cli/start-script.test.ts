import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCacheDirectory } from '../../src/cli/compile-cache.ts'

const SCRIPT = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
})
after(() => rm(directory, { recursive: true }))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function call(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise(resolve => {
    const options = { env: { PATH: process.env['PATH'], HOME: directory, ...env } }
    const child = execFile(program, args, options, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}

/** A program that says it is a Node.js of some version. */
async function pretender(version: string): Promise<string> {
  const path = join(directory, `node-${version}`)
  await writeFile(path, `#!/bin/sh\necho ${version}\n`)
  await chmod(path, 0o755)
  return path
}

describe('bin/roundtable', () => {
  test('runs the program with the arguments as they are', async () => {
    const { code, err } = await call(SCRIPT, ['a b', '--json'])
    assert.equal(code, 2)
    assert.equal(err, '')
    const { code: version, out } = await call(SCRIPT, ['--version'])
    assert.equal(version, 0)
    assert.match(out, /^\d+\.\d+\.\d+\n$/)
  })

  test('is found through a chain of symlinks, relative ones too', async () => {
    await symlink(SCRIPT, join(directory, 'far'))
    await symlink('far', join(directory, 'near'))
    assert.equal((await call(join(directory, 'near'), ['--version'])).code, 0)
  })

  for (const shell of ['dash', 'bash'])
    test(`is understood by ${shell}`, async context => {
      const { code, err } = await call('sh', ['-c', `command -v ${shell}`])
      if (code !== 0) return context.skip(`${shell} is not here: ${err}`)
      assert.equal((await call(shell, [SCRIPT, '--version'])).code, 0)
    })

  test('says what to do when the named Node.js is too old, and takes no other in its place', async () => {
    for (const version of ['v20.20.2', 'v22.17.9', 'v9.0.0']) {
      const { code, out, err } = await call(SCRIPT, ['status'], { ROUNDTABLE_NODE: await pretender(version) })
      assert.equal(code, 1)
      assert.equal(out, '')
      assert.match(
        err,
        /^roundtable: RUNTIME_TOO_OLD: .*22\.18 or newer; .* is v\d.*\(Nothing was started\.\)\n$/,
      )
      assert.ok(err.includes(version))
    }
  })

  test('takes every version from 22.18 on', async () => {
    for (const version of ['v22.18.0', 'v23.0.0', 'v100.0.0']) {
      const { out, code } = await call(SCRIPT, ['status'], { ROUNDTABLE_NODE: await pretender(version) })
      assert.equal(code, 0)
      assert.equal(out, `${version}\n`, 'the pretender was started')
    }
  })

  test('leaves no process of its own behind', { timeout: 20_000 }, async () => {
    // With a first argument that never ends: `submit` waits for standard input.
    const child = spawn(SCRIPT, ['submit', '-f', '-'], { stdio: ['pipe', 'ignore', 'ignore'] })
    const ended = new Promise<NodeJS.Signals | null>(resolve =>
      child.once('exit', (_, signal) => resolve(signal)),
    )
    try {
      const { out } = await until(
        () => call('ps', ['-o', 'args=', '-p', String(child.pid)]),
        answer => /cli\/main\.(ts|js)/.test(answer.out),
      )
      assert.match(out, /node .*cli\/main\.(ts|js) submit -f -/)
    } finally {
      child.kill('SIGKILL')
    }
    assert.equal(await ended, 'SIGKILL')
  })

  test('ends in peace when its reader has seen enough', async () => {
    const { code, out, err } = await call('sh', ['-c', `"${SCRIPT}" agent --help | head -1; echo done`])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^Run the daemon .*\ndone\n$/)
  })
})

/** Asks again until the answer holds; the test's own time limit ends it otherwise. */
async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
  }
}

describe('the compile cache', () => {
  test('lies in a directory that only this user can write', async () => {
    const env = { XDG_CACHE_HOME: directory }
    assert.equal(compileCacheDirectory(env), join(directory, 'roundtable', 'compiled'))
  })

  test('is never a directory that others can write', async () => {
    await chmod(join(directory, 'roundtable', 'compiled'), 0o777)
    assert.notEqual(
      compileCacheDirectory({ XDG_CACHE_HOME: directory }),
      join(directory, 'roundtable', 'compiled'),
    )
  })

  test('is left alone when the user has decided', () => {
    assert.equal(compileCacheDirectory({ NODE_DISABLE_COMPILE_CACHE: '1' }), undefined)
    assert.equal(compileCacheDirectory({ NODE_COMPILE_CACHE: '/x' }), undefined)
  })
})

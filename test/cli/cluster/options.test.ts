import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { clusterOptions } from '../../../src/cli/cluster/options.ts'
import { freePorts } from '../../../src/cli/cluster/ports.ts'
import { prepare } from '../../../src/cli/cluster/setup.ts'
import { runHere } from '../scene.ts'

describe('the cluster command', () => {
  test('is eight nodes and two thousand files unless told', () => {
    const { nodes, count, chaos, keep, timeoutMs } = clusterOptions({})
    assert.deepEqual(
      { nodes, count, chaos, keep, timeoutMs },
      {
        nodes: 8,
        count: 2_000,
        chaos: false,
        keep: false,
        timeoutMs: 600_000,
      },
    )
  })

  test('refuses what it cannot do, all of it at once, before anything is started', async () => {
    const { code, out } = await runHere(['cluster', '--nodes', '0', '--count', 'x', '--allow', '=', '--json'])
    assert.equal(code, 2)
    const { error } = JSON.parse(out)
    assert.deepEqual(
      error.problems.map(({ at }: { at: string }) => at),
      ['--nodes', '--count', '--allow'],
    )
  })

  for (const [argv, words] of [
    [['--nodes', '33'], /--nodes: expected a whole number from 1 to 32/],
    [['--count', '99999'], /--count: expected at most the \d+ files below/],
    [['--chaos', '--nodes', '1'], /--chaos: expected at least 2 nodes/],
    [['--chaos', '--count', '0'], /--chaos: expected a job to disturb/],
    [['--tasks', 'x.yaml', '--count', '5'], /--count: expected nothing beside --tasks/],
    [['--allow', 'x=/bin/true'], /--allow: expected --tasks FILE beside it/],
    [['--tasks', '/does/not/exist.yaml'], /TASK_LIST_UNREADABLE.*ENOENT/],
    [['--dir', '/dev/null/x'], /DATA_DIR_UNUSABLE/],
  ] as const) {
    test(`refuses ${argv.join(' ')}`, async () => {
      const { code, err } = await runHere(['cluster', ...argv])
      assert.ok(code === 1 || code === 2)
      assert.match(err, words)
    })
  }

  test('does not use a directory that has files in it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    try {
      await writeFile(join(directory, 'mine.txt'), 'x')
      const { code, err } = await runHere(['cluster', '--dir', directory])
      assert.equal(code, 2)
      assert.match(err, /--dir: expected a new or empty directory/)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('says which program is missing', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = '/does/not/exist'
    try {
      await assert.rejects(prepare(clusterOptions({ count: '1' })), /TOOL_MISSING.*sha256sum/)
    } finally {
      process.env['PATH'] = path
    }
  })
})

describe('free ports', () => {
  test('are below those of outgoing connections, differ, and can be listened on', async () => {
    const ports = await freePorts(64)
    assert.equal(new Set(ports).size, 64)
    assert.ok(ports.every(port => port >= 20_000 && port < 32_000))
    const servers = await Promise.all(ports.map(listen))
    await Promise.all(servers.map(server => new Promise(closed => server.close(closed))))
  })

  test('are never ones that somebody listens on', async () => {
    const [port = 0] = await freePorts(1)
    const server = await listen(port)
    try {
      assert.ok(!(await freePorts(32)).includes(port))
    } finally {
      await new Promise(closed => server.close(closed))
    }
  })
})

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

/** An error that nobody catches ends the daemon, and its log says so. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { createLogger } from '../../src/adapters/system/logger.ts'
import { sayCrash } from '../../src/daemon/crash.ts'
import { Daemon } from './subject.ts'

let scratch = ''
let daemon: Daemon | undefined

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-crash-'))
})

afterEach(async () => {
  await daemon?.kill()
  daemon = undefined
  await rm(scratch, { recursive: true, force: true })
})

const WAYS = { throw: 'uncaughtException', reject: 'unhandledRejection' }

for (const [way, origin] of Object.entries(WAYS)) {
  test(`a daemon in which something is an ${origin} says what, and does nothing more`, {
    timeout: 60_000,
  }, async () => {
    const free = { host: '127.0.0.1', port: 0 }
    const file = join(scratch, 'config.yaml')
    const settings = {
      nodeId: 'n7',
      cluster: 'crash',
      dataDir: join(scratch, 'd'),
      transport: free,
      http: free,
    }
    await writeFile(file, JSON.stringify(settings))
    daemon = new Daemon(file, [], [way])
    await daemon.said('ready')
    const closed = once(daemon.child, 'close')
    daemon.child.kill('SIGUSR2')
    const said = await daemon.said('daemon-crashed')
    assert.deepEqual(await closed, [1, null])
    assert.deepEqual(
      [said['level'], said['nodeId'], said['name'], said['message'], said['causes'], said['origin']],
      ['error', 'n7', 'RangeError', 'made by the test', ['Error: the reason'], origin],
    )
    assert.match(String(said['stack']), /RangeError: made by the test\n +at .*daemon-process\.ts/)
    assert.equal(daemon.lines.at(-1), said, 'nothing comes after it')
  })
}

test('whatever is thrown is told, with all that is inside', () => {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) }
  const logger = createLogger({ level: 'error', nodeId: 'n1', destination })
  const inner = new Error('closing store failed', { cause: new Error('no disk') })
  sayCrash(logger, new AggregateError([inner, 'a text'], 'two'), 'stop')
  sayCrash(logger, 'thrown text', 'start')
  const told = lines.map(({ event, name, message, causes }) => ({ event, name, message, causes }))
  const event = 'daemon-crashed'
  const causes = ['Error: closing store failed', 'a text', 'Error: no disk']
  assert.deepEqual(told, [
    { event, name: 'AggregateError', message: 'two', causes },
    { event, name: 'string', message: 'thrown text', causes: undefined },
  ])
})

/** Starts that are refused: what they have changed, and what they say of it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { STORE_FILE } from '../../src/adapters/storage/data-directory.ts'
import { openStore } from '../../src/adapters/storage/store.ts'
import { CodedError, type ErrorCode } from '../../src/base/errors.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { runDaemon } from '../../src/daemon/daemon.ts'
import type { Write } from '../../src/node/machine.ts'
import { bootIn } from '../adapters/storage/boot.ts'

const free = { host: '127.0.0.1', port: 0 }
const timeout = { timeout: 60_000 }

let dataDir = ''
let taken: Server | undefined

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'roundtable-refusing-'))
})

afterEach(async () => {
  taken?.close()
  taken = undefined
  await rm(dataDir, { recursive: true, force: true })
})

/** A node has lived here once, and kept this. */
async function live(writes: readonly Write[] = []): Promise<void> {
  const directory = await bootIn(dataDir)
  const store = await openStore(directory.file(STORE_FILE))
  await store.commit(writes)
  await store.close()
  await directory.close()
}

async function refusal(code: ErrorCode, more: object = {}): Promise<CodedError> {
  const settings = { cluster: 'refusing', dataDir, transport: free, http: free, log: { level: 'error' } }
  const config = parseConfig({
    machine: { hostname: 'host-1', cores: 2 },
    text: JSON.stringify({ ...settings, ...more }),
  })
  const error: unknown = await runDaemon(config).then(
    () => undefined,
    error => error,
  )
  assert.ok(error instanceof CodedError, String(error))
  assert.equal(error.code, code)
  return error
}

const kept = (name: string): string => readFileSync(join(dataDir, name), 'latin1')

test('a start that a look at the disk refuses is no boot, and changes no file', timeout, async () => {
  const value = { version: 1, names: ['a', 'b'], fixed: true }
  await live([{ table: 'grants', key: 'voters', value }])
  const [boot, store] = [kept('boot.json'), kept(STORE_FILE)]
  const { detail } = await refusal('VOTERS_UNEXPECTED')
  assert.doesNotMatch(detail, /counted/)
  assert.deepEqual([kept('boot.json'), kept(STORE_FILE)], [boot, store])
  assert.equal(existsSync(join(dataDir, 'identity.key')), false)
  await writeFile(join(dataDir, 'identity.key'), 'no key')
  await refusal('IDENTITY_CORRUPT', { voters: ['a', 'b'] })
  // A damaged store alone is no reason not to start, and is not touched by a start that another reason refuses.
  await writeFile(join(dataDir, STORE_FILE), 'no store')
  await refusal('IDENTITY_CORRUPT', { voters: ['a', 'b'] })
  assert.equal(kept(STORE_FILE), 'no store')
  assert.equal(kept('boot.json'), boot)
})

for (const face of ['transport', 'http'] as const) {
  test(`a start whose ${face} port is taken says that it was counted`, timeout, async () => {
    await live()
    taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const address = taken.address()
    assert.ok(typeof address === 'object' && address !== null)
    const { detail } = await refusal('ADDRESS_IN_USE', { [face]: { ...free, port: address.port } })
    assert.match(detail, /counted all the same, as boot 2/)
    assert.equal(JSON.parse(kept('boot.json')).boot, 2)
  })
}

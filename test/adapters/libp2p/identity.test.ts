import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { generateKeyPair, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { IDENTITY_FILE, loadIdentity } from '../../../src/adapters/libp2p/identity.ts'
import { CodedError } from '../../../src/base/errors.ts'

const dirs: string[] = []
after(() => Promise.all(dirs.map(dir => rm(dir, { recursive: true, force: true }))))

async function freshDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'roundtable-identity-'))
  dirs.push(dir)
  return dir
}

const corrupt = (pattern: RegExp) => (error: unknown) =>
  error instanceof CodedError && error.code === 'IDENTITY_CORRUPT' && pattern.test(error.detail)

test('a new data directory gets a key that only its owner can read, and nothing else is left in it', async () => {
  const dir = join(await freshDir(), 'made', 'by', 'it')
  await loadIdentity(dir)
  assert.deepEqual(await readdir(dir), [IDENTITY_FILE])
  assert.equal((await stat(join(dir, IDENTITY_FILE))).mode & 0o777, 0o600)
})

test('the same directory gives the same key again', async () => {
  const dir = await freshDir()
  const first = await loadIdentity(dir)
  assert.ok((await loadIdentity(dir)).equals(first))
})

test('bytes that are no key are refused and left as they are', async () => {
  const dir = await freshDir()
  for (const bytes of ['', 'not a key', 'x'.repeat(5_000)]) {
    await writeFile(join(dir, IDENTITY_FILE), bytes)
    await assert.rejects(loadIdentity(dir), corrupt(/Expected an Ed25519 private key .* got/))
    assert.equal(await readFile(join(dir, IDENTITY_FILE), 'utf8'), bytes)
  }
})

test('every single flipped byte of a key file is noticed', async () => {
  const dir = await freshDir()
  await loadIdentity(dir)
  const path = join(dir, IDENTITY_FILE)
  const good = await readFile(path)
  for (let at = 0; at < good.byteLength; at++) {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 0x55
    await writeFile(path, bad)
    await assert.rejects(loadIdentity(dir), corrupt(/got/), `byte ${at}`)
  }
})

test('a key of another type is refused by name', async () => {
  const dir = await freshDir()
  await writeFile(join(dir, IDENTITY_FILE), privateKeyToProtobuf(await generateKeyPair('secp256k1')))
  await assert.rejects(loadIdentity(dir), corrupt(/a key of type secp256k1/))
})

test('a directory where the key should be is refused', async () => {
  const dir = await freshDir()
  await loadIdentity(join(dir, IDENTITY_FILE, 'inner'))
  await assert.rejects(loadIdentity(dir), corrupt(/something that is no file/))
})

test('a data directory that cannot be made is told as such', async () => {
  const dir = await freshDir()
  await writeFile(join(dir, 'file'), '')
  await assert.rejects(
    loadIdentity(join(dir, 'file', 'below')),
    error => error instanceof CodedError && ['DATA_DIR_UNUSABLE', 'IDENTITY_CORRUPT'].includes(error.code),
  )
})

test('an unreadable key file is refused', {
  skip: process.getuid?.() === 0 && 'root reads everything',
}, async () => {
  const dir = await freshDir()
  await loadIdentity(dir)
  await chmod(join(dir, IDENTITY_FILE), 0)
  await assert.rejects(loadIdentity(dir), corrupt(/cannot be read \(EACCES\)/))
})

/**
 * The key that a node is known by. It is made once and kept for the life of the data directory: whoever holds it is
 * this node, so the file is readable by its owner only, and a damaged one is never replaced. A node that silently made
 * itself a new key would come back as a stranger that claims a taken name.
 *
 * The file holds the libp2p private key message (protobuf) and nothing else, so other libp2p tools can read it.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { CodedError } from '../../base/errors.ts'

export const IDENTITY_FILE = 'identity.key'

/** A protobuf of an Ed25519 private key has 68 bytes; nothing near this size is one. */
const FILE_BYTES_MAX = 1024

/**
 * Reads the key in the data directory, or makes one. Throws IDENTITY_CORRUPT when there is a file that is no Ed25519
 * key or cannot be read, DATA_DIR_UNUSABLE when a new one cannot be written.
 */
export async function loadIdentity(dataDir: string): Promise<Ed25519PrivateKey> {
  const path = join(dataDir, IDENTITY_FILE)
  const bytes = await readKeyFile(path)
  return bytes === undefined ? await createIdentity(dataDir, path) : parseKey(path, bytes)
}

async function readKeyFile(path: string): Promise<Uint8Array | undefined> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw corrupt(path, 'something that is no file')
    const { size } = found
    if (size > FILE_BYTES_MAX) throw corrupt(path, `a file of ${size} bytes`)
    return await readFile(path)
  } catch (error) {
    if (error instanceof CodedError) throw error
    if (codeOf(error) === 'ENOENT') return undefined
    throw corrupt(path, `a file that cannot be read (${codeOf(error)})`, error)
  }
}

function parseKey(path: string, bytes: Uint8Array): Ed25519PrivateKey {
  let key: ReturnType<typeof privateKeyFromProtobuf>
  try {
    key = privateKeyFromProtobuf(bytes)
  } catch (error) {
    throw corrupt(path, `${bytes.byteLength} bytes that are no key`, error)
  }
  if (key.type !== 'Ed25519') throw corrupt(path, `a key of type ${key.type}`)
  if (!fitsItself(key)) throw corrupt(path, 'a key whose public half does not belong to its private half')
  return key
}

/** The file holds both halves; a flipped bit in one of them gives a key that signs what nobody can verify. */
function fitsItself(key: Ed25519PrivateKey): boolean {
  const probe = new Uint8Array([1])
  try {
    return key.publicKey.verify(probe, key.sign(probe) as Uint8Array) === true
  } catch {
    return false // a half that is no point on the curve fits nothing
  }
}

/** Written aside, flushed, then renamed: a crash leaves a whole key or none. */
async function createIdentity(dataDir: string, path: string): Promise<Ed25519PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await writeFlushed(aside, privateKeyToProtobuf(key))
    await rename(aside, path)
    await flushDirectory(dataDir)
  } catch (error) {
    await unlink(aside).catch(() => undefined) // may never have been made; the first error is the one to tell
    throw new CodedError(
      'DATA_DIR_UNUSABLE',
      `Expected to create ${path}, got ${codeOf(error)}. Is the directory writable by this user?`,
      { cause: error },
    )
  }
  return key
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Without this the rename itself may be lost with the power. */
async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function corrupt(path: string, got: string, cause?: unknown): CodedError {
  return new CodedError(
    'IDENTITY_CORRUPT',
    `Expected an Ed25519 private key (libp2p protobuf) in ${path}, got ${got}. Restore it from a backup, or move it away to join as a new peer.`,
    { cause },
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { readBoot } from '../../../src/adapters/storage/boot-file.ts'
import { openDataDirectory } from '../../../src/adapters/storage/data-directory.ts'
import { openStore } from '../../../src/adapters/storage/store.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { bootIn } from './boot.ts'

const root = mkdtempSync(join(tmpdir(), 'roundtable-dir-'))
after(() => rmSync(root, { recursive: true }))
let count = 0
const fresh = (): string => join(root, `d${++count}`)

const script = join(import.meta.dirname, 'storage-process.ts')
const isRoot = process.getuid?.() === 0
const canMount = isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', root]).status === 0
const needsMount = canMount ? false : 'needs root and mount namespaces'

const refusal = (code: CodedError['code'], ...parts: (string | RegExp)[]) => {
  return (error: unknown): boolean => {
    assert.ok(error instanceof CodedError, String(error))
    assert.equal(error.code, code)
    for (const part of parts) assert.match(error.message, typeof part === 'string' ? literally(part) : part)
    return true
  }
}
const literally = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))

test('a missing data directory is created for this user alone, files included', async () => {
  const path = join(fresh(), 'deeper')
  const directory = await bootIn(path)
  await (await openStore(directory.file('store.sqlite'))).close()
  assert.equal(statSync(path).mode & 0o777, 0o700)
  assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
  for (const name of readdirSync(path)) {
    assert.equal(statSync(join(path, name)).mode & 0o777, 0o600, name)
  }
  await directory.close()
})

test('each boot has the next number, on disk before it is told', async () => {
  const path = fresh()
  for (const boot of [1, 2, 3]) {
    const directory = await bootIn(path)
    assert.equal(directory.boot, boot)
    assert.equal(JSON.parse(readFileSync(directory.file('boot.json'), 'utf8')).boot, boot)
    await directory.close()
  }
})

test('a directory that is only opened has no new life: whoever refuses what lies in it has changed nothing', async () => {
  const path = fresh()
  await (await bootIn(path)).close()
  const before = readFileSync(join(path, 'boot.json'), 'utf8')
  await (await openDataDirectory(path)).close()
  assert.equal(readFileSync(join(path, 'boot.json'), 'utf8'), before)
  const next = await bootIn(path)
  assert.equal(next.boot, 2)
  await next.close()
})

test('the incarnation follows the wall clock and never goes back with it', async () => {
  const path = fresh()
  const seen: number[] = []
  for (const wallMs of [1000.7, 500, 400, 2000]) {
    const directory = await bootIn(path, { wallMs })
    seen.push(directory.incarnation)
    await directory.close()
  }
  assert.deepEqual(seen, [1000, 1001, 1002, 2000])
})

test('a directory is held once, in one process too, and the refused one does not loosen the lock', async () => {
  const path = fresh()
  const directory = await openDataDirectory(path)
  for (let i = 0; i < 3; i++) {
    await assert.rejects(openDataDirectory(path), refusal('DATA_DIR_LOCKED', path, `process ${process.pid} `))
  }
  assert.equal(openElsewhere(path).code, 'DATA_DIR_LOCKED')
  await directory.close()
  await directory.close()
  assert.equal(openElsewhere(path).code, 'none')
})

test('kill -9 frees the lock at once, though a child of the killed process lives on', async () => {
  for (let round = 0; round < 3; round++) {
    const path = fresh()
    const holder = spawn(process.execPath, [script, 'hold', path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const child = (JSON.parse(await firstLine(holder)) as { child: number }).child
    try {
      await assert.rejects(openDataDirectory(path), refusal('DATA_DIR_LOCKED', `process ${holder.pid} `))
      holder.kill('SIGKILL')
      await once(holder, 'exit')
      process.kill(child, 0) // throws when the child is gone
      const directory = await bootIn(path)
      assert.equal(directory.boot, 2)
      await directory.close()
    } finally {
      process.kill(child, 'SIGKILL')
      holder.kill('SIGKILL')
    }
  }
})

test('no flipped bit of a boot file makes another boot number: it is refused, or says what it said', async () => {
  const path = fresh()
  for (let i = 0; i < 12; i++) await (await bootIn(path)).close()
  const file = join(path, 'boot.json')
  const written = readFileSync(file)
  const { boot, incarnation } = JSON.parse(String(written))
  assert.equal(boot, 12)
  let refused = 0
  for (let at = 0; at < written.length * 8; at++) {
    const bytes = Buffer.from(written)
    bytes[at >> 3] = Number(bytes[at >> 3]) ^ (1 << (at & 7))
    writeFileSync(file, bytes)
    try {
      assert.deepEqual(await readBoot(file), { boot, incarnation }, String(bytes))
    } catch (error) {
      assert.ok(refusal('DATA_DIR_UNUSABLE', file)(error), String(error))
      refused++
    }
  }
  assert.ok(refused > written.length)
  writeFileSync(file, `${JSON.stringify({ boot, incarnation })}\n`)
  assert.deepEqual(await readBoot(file), { boot, incarnation }, 'as an earlier version wrote it')
})

test('a damaged boot file is refused with what was expected and found, and left as it is', async () => {
  const damaged = [
    '',
    '{',
    'null',
    '[]',
    '{"boot":0,"incarnation":5}',
    '{"boot":1.5,"incarnation":5}',
    '{"boot":"1","incarnation":5}',
    '{"boot":1}',
    `{"boot":1,"incarnation":${2 ** 53}}`,
    '\u0000\u0001\u0002'.repeat(1000),
  ]
  for (const text of damaged) {
    const path = fresh()
    await (await bootIn(path)).close()
    writeFileSync(join(path, 'boot.json'), text)
    for (let i = 0; i < 2; i++) {
      await assert.rejects(
        openDataDirectory(path),
        refusal('DATA_DIR_UNUSABLE', join(path, 'boot.json'), 'expected {"boot"', ', got "'),
      )
    }
    assert.equal(readFileSync(join(path, 'boot.json'), 'utf8'), text)
  }
})

test('a store without its boot file is half a directory and refused', async () => {
  const path = fresh()
  const directory = await bootIn(path)
  await (await openStore(directory.file('store.sqlite'))).close()
  await directory.close()
  rmSync(join(path, 'boot.json'))
  await assert.rejects(
    openDataDirectory(path),
    refusal('DATA_DIR_UNUSABLE', 'boot.json: expected', 'got none'),
  )
})

test('a leftover of an interrupted boot does not stop the next one', async () => {
  const path = fresh()
  await (await bootIn(path)).close()
  writeFileSync(join(path, 'boot.json.tmp'), '{"bo')
  const directory = await bootIn(path)
  assert.equal(directory.boot, 2)
  assert.ok(!readdirSync(path).includes('boot.json.tmp'))
  await directory.close()
})

test('a file where the directory should be, or above it, is refused', async () => {
  const path = fresh()
  writeFileSync(path, 'not a directory')
  await assert.rejects(openDataDirectory(path), refusal('DATA_DIR_UNUSABLE', path, 'EEXIST'))
  await assert.rejects(openDataDirectory(join(path, 'below')), refusal('DATA_DIR_UNUSABLE', path, 'ENOTDIR'))
  assert.equal(readFileSync(path, 'utf8'), 'not a directory')
})

test('a lock file with something else in it is refused by name', async () => {
  const path = fresh()
  await (await openDataDirectory(path)).close()
  writeFileSync(join(path, 'lock.sqlite'), 'x'.repeat(5000))
  await assert.rejects(openDataDirectory(path), refusal('DATA_DIR_UNUSABLE', join(path, 'lock.sqlite')))
})

test('a directory of another user is refused', t => {
  const path = fresh()
  execFileSync('mkdir', ['-m', '0500', path])
  const result = openElsewhere(path, isRoot ? { uid: 65_534, gid: 65_534 } : {})
  if (result.code === undefined) return t.skip('the other user may not read the sources')
  assert.equal(result.code, 'DATA_DIR_UNUSABLE')
  assert.match(result.message ?? '', /EACCES/)
  return undefined
})

test('a read-only disk is refused', { skip: needsMount }, () => {
  const path = fresh()
  const result = openElsewhere(path, {}, `mkdir ${path} && mount -t tmpfs -o ro none ${path} && `)
  assert.equal(result.code, 'DATA_DIR_UNUSABLE')
  assert.match(result.message ?? '', /EROFS/)
})

test('so is one where the directory would have to be made', { skip: needsMount }, () => {
  const path = fresh()
  const before = `mkdir ${path} && mount -t tmpfs -o ro none ${path} && `
  const result = openElsewhere(join(path, 'a', 'b'), {}, before)
  assert.equal(result.code, 'DATA_DIR_UNUSABLE')
  assert.match(result.message ?? '', /EROFS: read-only file system/)
})

test('a disk that is full at the start is refused', { skip: needsMount }, () => {
  const path = fresh()
  const full = `mkdir ${path} && mount -t tmpfs -o size=16k none ${path} && (head -c 1m /dev/zero > ${path}/x || true) 2>/dev/null && `
  const result = openElsewhere(path, {}, full)
  assert.equal(result.code, 'DATA_DIR_UNUSABLE')
  assert.match(result.message ?? '', /ENOSPC/)
})

test('a disk with room for the boot number and not for the store is refused', { skip: needsMount }, () => {
  const path = fresh()
  const result = openElsewhere(path, {}, `mkdir ${path} && mount -t tmpfs -o size=16k none ${path} && `)
  assert.equal(result.code, 'DATA_DIR_UNUSABLE')
  assert.match(result.message ?? '', /store\.sqlite/)
})

function openElsewhere(
  path: string,
  user: { uid?: number; gid?: number } = {},
  before = '',
): { code?: string; message?: string } {
  const command = `${before}exec "$0" "$@"`
  const shell = before === '' ? ['sh', '-c', command] : ['unshare', '-m', 'sh', '-c', command]
  const [program = 'sh', ...args] = [...shell, process.execPath, script, 'open', path]
  const { stdout, stderr } = spawnSync(program, args, { ...user, encoding: 'utf8' })
  if (stdout === '') return { message: stderr }
  return JSON.parse(stdout) as { code: string; message?: string }
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout)
  const lines = createInterface({ input: child.stdout })
  const [line] = (await once(lines, 'line')) as [string]
  return line
}

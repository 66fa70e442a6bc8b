/** The data directory as its names say it is, while the kernel keeps what was opened. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { watchDirectory } from '../../../src/adapters/storage/directory-watch.ts'
import { CodedError } from '../../../src/base/errors.ts'

let scratch = ''
let stop: () => void = () => undefined

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-watch-'))
  await mkdir(join(scratch, 'data'))
  await writeFile(join(scratch, 'data', 'store'), 'old')
})

afterEach(async () => {
  stop()
  await rm(scratch, { recursive: true, force: true })
})

const directory = (): string => join(scratch, 'data')
const file = (): string => join(scratch, 'data', 'store')

/** A watch that looks all the time; what it logs, and what it says at the end. */
async function watch() {
  const lines: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = []
  const said = Promise.withResolvers<void>()
  const lost = Promise.withResolvers<CodedError>()
  const logger = {
    log(_level: string, event: string, fields: Readonly<Record<string, unknown>> = {}) {
      lines.push({ event, fields })
      said.resolve()
    },
  }
  // The watch keeps no process alive; the test does.
  const alive = setInterval(() => undefined, 1_000)
  const end = await watchDirectory([directory(), file()], { logger, lost: lost.resolve, lookMs: 5 })
  stop = () => {
    end()
    clearInterval(alive)
  }
  return { lines, said: said.promise, lost: lost.promise }
}

const timeout = { timeout: 10_000 }

test(
  'a directory that is deleted is a failed store, and it is said what was expected and what came',
  timeout,
  async () => {
    const { lines, lost } = await watch()
    await rm(directory(), { recursive: true })
    const error = await lost
    assert.equal(error.code, 'STORE_FAILED')
    assert.match(error.detail, /expected what this daemon opened \(device \d+, inode \d+\), got nothing/)
    assert.deepEqual(
      lines.map(({ event, fields }) => [event, fields['got']]),
      [['data-dir-lost', 'nothing']],
    )
    // A directory is emptied before it is deleted: a look in between misses the file first.
    assert.ok([directory(), file()].includes(String(lines[0]?.fields['path'])))
  },
)

test('a file that is replaced by another one of its name is a failed store, too', timeout, async () => {
  const { lines, lost } = await watch()
  await writeFile(join(scratch, 'new'), 'new')
  await rename(join(scratch, 'new'), file())
  assert.equal((await lost).code, 'STORE_FAILED')
  assert.equal(lines[0]?.fields['path'], file())
  assert.match(String(lines[0]?.fields['got']), /inode/)
})

test('a path that cannot be looked at for a while is said once and is no failure', timeout, async () => {
  const { lines, said, lost } = await watch()
  const aside = join(scratch, 'aside')
  await rename(directory(), aside)
  // For the moment between the two the directory is gone, which a look may see: then the test says nothing.
  await symlink('data', directory())
  const first = await Promise.race([said.then(() => 'said'), lost.then(() => 'lost')])
  if (lines[0]?.event === 'data-dir-lost') return
  assert.equal(first, 'said')
  assert.equal(lines[0]?.event, 'data-dir-unseen')
  await rm(directory())
  assert.equal((await lost).code, 'STORE_FAILED')
  assert.equal(lines.filter(({ event }) => event === 'data-dir-unseen').length, 1)
})

test('what cannot be looked at in the beginning is refused', async () => {
  await assert.rejects(
    watchDirectory([join(scratch, 'nothing')], { logger: { log: () => undefined }, lost: assert.fail }),
    (error: unknown) => error instanceof CodedError && error.code === 'DATA_DIR_UNUSABLE',
  )
})

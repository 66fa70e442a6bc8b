import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { markOf, watchFile } from '../../src/daemon/file-watch.ts'

/** Pieces that the file is written in, and the time between two of them and between two looks, in ms. */
const PIECES = 75
const PIECE_MS = 20
const LOOK_MS = 100

test('a file that is written piece by piece is told of when it is whole', async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'roundtable-watch-'))
  const path = join(scratch, 'growing.yaml')
  await writeFile(path, '')
  const found = Promise.withResolvers<string>()
  const stop = watchFile(path, markOf(path), () => found.resolve(readFileSync(path, 'utf8')), LOOK_MS)
  try {
    for (let i = 0; i < PIECES; i++) {
      await appendFile(path, 'piece\n')
      await pause(PIECE_MS)
    }
    assert.equal(await found.promise, 'piece\n'.repeat(PIECES))
  } finally {
    stop()
    await rm(scratch, { recursive: true })
  }
})

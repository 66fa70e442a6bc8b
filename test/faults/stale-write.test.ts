import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Sign } from '../e2e/act-ledger.ts'
import { Collector } from './collector.ts'
import { olderThanAny, writtenAs } from './stale-write.ts'

const sign = (key: string, token: string, more: Partial<Sign> = {}): Sign => ({
  ...{ at: 1, event: 'start', actor: 1, key, token, node: 'n1', pid: 1, accepted: true },
  ...more,
})

test('a token that is older than any accepted one of its key', () => {
  assert.equal(olderThanAny([]), undefined)
  assert.equal(olderThanAny([sign('a', '5', { accepted: false })]), undefined)
  const signs = [sign('a', '9'), sign('b', '3'), sign('a', '10'), sign('a', '4', { accepted: false })]
  assert.deepEqual(olderThanAny(signs), { key: 'a', node: 'n1', token: '8' })
})

test('the real register refuses a write with the token of before, and takes one with the newest', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'roundtable-stale-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const collector = new Collector(directory)
  await collector.start(directory)
  t.after(() => collector.stop())
  const write = (token: string, node: string) => writtenAs(collector.socket, { key: 'a', token, node })
  assert.equal(await write('10', 'n1'), true)
  assert.equal(await write('9', 'n1'), false)
  assert.equal(await write('10', 'n2'), false)
  assert.equal(await write('11', 'n2'), true)
  assert.equal(await write('10', 'n1'), false)
  const signs = collector.signs.filter(({ event }) => event === 'act')
  assert.deepEqual(
    signs.map(({ accepted, pid }) => [accepted, pid === process.pid]),
    [true, false, false, true, false].map(accepted => [accepted, true]),
  )
})

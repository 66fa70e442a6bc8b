/**
 * The placement, pinned. If this test fails, nodes of two versions would disagree on who owns what: raise the ring
 * version, or undo the change. Only then re-record with ROUNDTABLE_REWRITE=1, and read the diff.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { RingMember } from '../../src/ring/ring.ts'
import { ketama } from './ketama.ts'
import { keys, member, nodes } from './samples.ts'

interface Vector {
  readonly name: string
  readonly members: readonly RingMember[]
  readonly checksum: string
  /** key -> preference list of three, owner first */
  readonly lists: Readonly<Record<string, readonly string[]>>
}

const file = new URL('golden.json', import.meta.url)

const SETS: readonly (readonly [name: string, members: readonly RingMember[]])[] = [
  ['one alone', nodes(1)],
  ['three', nodes(3)],
  ['eight', nodes(8)],
  ['eight, node-3 gone', nodes(8).filter(({ id }) => id !== 'node-3')],
  ['weights', [member('small', 0.25), member('one'), member('big', 4), member('odd', 1.337)]],
  ['names', ['1', '10', '2', 'a.example.org', 'A', 'a', 'x_y-z'].map(name => member(name))],
  ['thirty-two', nodes(32)],
]

const KEYS = [
  '',
  ' ',
  'a',
  'node-1',
  'node-1-0',
  'größe',
  '钥匙',
  '🔑',
  'with\u0000zero',
  'k'.repeat(1024),
  ...keys(40),
]

function record(): readonly Vector[] {
  return SETS.map(([name, members]) => {
    const ring = buildRing(members, ringDefaults())
    const lists = Object.fromEntries(KEYS.map(key => [key, ring.preferenceList(key, 3)]))
    return { name, members, checksum: ring.checksum, lists }
  })
}

const { ROUNDTABLE_REWRITE } = process.env
if (ROUNDTABLE_REWRITE === '1') writeFileSync(file, `${JSON.stringify(record(), null, 1)}\n`)

test('every key is where it has always been', () => {
  const pinned = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[]
  assert.deepEqual(record(), pinned)
})

test('the pinned owners are ketama, not merely what was there', () => {
  const pinned = JSON.parse(readFileSync(file, 'utf8')) as readonly Vector[]
  assert.equal(pinned.length, SETS.length)
  for (const { name, members, lists } of pinned) {
    const reference = ketama(members, 100)
    assert.equal(Object.keys(lists).length, KEYS.length)
    for (const [key, list] of Object.entries(lists)) {
      assert.deepEqual(list, reference.list(key).slice(0, 3), `${name}: ${JSON.stringify(key)}`)
    }
  }
})

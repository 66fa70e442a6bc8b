import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeLinkFrame, encodeLinkFrame, HEADER_BYTES } from '../../../src/adapters/libp2p/codec.ts'
import { grant, renew } from '../../../src/adapters/libp2p/grants-schema.ts'
import { TERM_MAX } from '../../../src/base/believed-terms.ts'
import type { LinkMessage } from '../../../src/node/machine.ts'

test('what is said of a gap passes the wire, to a voter and from it', () => {
  const scope = { ring: 'ring', leaving: false, keeps: [] }
  const request = { type: 'renew', session: 1, seq: 1, scope, voters: { version: 1, hash: 'h' }, term: 6 }
  assert.deepEqual(renew.parse({ ...request, gap: 7 }), { ...request, gap: 7 })
  assert.deepEqual(renew.parse(request), request)
  const notes = { seq: 1, lost: false, gap: 7, rings: [], disks: [] }
  const answer = { type: 'grant', session: 1, seq: 1, scope, exceptions: [], promiseMs: 1, top: 6 }
  assert.deepEqual(grant.parse({ ...answer, termTaken: true, notes }).notes, notes)
})

test('no frame tells of a term of which there is no token', () => {
  const { inventory, replicated } = tasks(TERM_MAX)
  for (const frame of [inventory, replicated]) assert.equal(reads(frame), true)
  for (const frame of Object.values(tasks(TERM_MAX + 1))) assert.equal(reads(frame), false)
})

test('a takeover question names a ring: what all of none give to a node is every key', () => {
  assert.equal(reads({ ...tasks(1).inventory, under: ['ring'] }), true)
  assert.equal(reads({ ...tasks(1).inventory, under: [] }), false)
})

const tasks = (term: number) => ({
  inventory: { type: 'inventory', id: 1, answer: 0, page: 0, ringChecksum: 'ring', term } as const,
  replicated: { type: 'replicated', batch: 1, refused: [[0, term]] } as const,
})

function reads(message: LinkMessage): boolean {
  const encoded = encodeLinkFrame(message)
  return encoded.ok && decodeLinkFrame(encoded.bytes.subarray(HEADER_BYTES)).ok
}

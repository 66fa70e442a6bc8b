import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grant, renew } from '../../../src/adapters/libp2p/grants-schema.ts'

test('what is said of a gap passes the wire, to a voter and from it', () => {
  const scope = { ring: 'ring', leaving: false, keeps: [] }
  const request = { type: 'renew', session: 1, seq: 1, scope, voters: { version: 1, hash: 'h' }, term: 6 }
  assert.deepEqual(renew.parse({ ...request, gap: 7 }), { ...request, gap: 7 })
  assert.deepEqual(renew.parse(request), request)
  const notes = { seq: 1, lost: false, gap: 7, rings: [], disks: [] }
  const answer = { type: 'grant', session: 1, seq: 1, scope, exceptions: [], promiseMs: 1, top: 6 }
  assert.deepEqual(grant.parse({ ...answer, termTaken: true, notes }).notes, notes)
})

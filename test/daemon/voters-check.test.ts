import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { checkVoters } from '../../src/daemon/voters-check.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import type { VoterList } from '../../src/grants/messages.ts'

const list: VoterList = { version: 1, names: ['a', 'b'].map(asNodeId), fixed: true }

test('a directory with a voter list is not started by a configuration that forgot the quorum', () => {
  const refusal = {
    code: 'VOTERS_UNEXPECTED',
    message: / \/data holds the voter list a, b\. Expected expectedNodes or voters/,
  }
  assert.throws(() => checkVoters(grantsDefaults(), list, '/data'), refusal)
})

test('whoever names the voters or their number may also say that nobody is asked', () => {
  checkVoters({ ...grantsDefaults(), expectedNodes: 2 }, list, '/data')
  checkVoters({ ...grantsDefaults(), voters: ['a'].map(asNodeId) }, list, '/data')
})

test('without a list, or with a mere proposal, there is nothing to contradict', () => {
  checkVoters(grantsDefaults(), undefined, '/data')
  checkVoters(grantsDefaults(), { ...list, version: 0 }, '/data')
})

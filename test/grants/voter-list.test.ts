import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import {
  isActingQuorum,
  isChangeQuorum,
  isSound,
  jointOf,
  rootOf,
  settledOf,
} from '../../src/grants/voter-list.ts'

const names = (text: string): NodeId[] => [...text].map(asNodeId)
const plain = (text: string): VoterList => ({ version: 1, names: names(text), fixed: true })
const joint = (before: string, after: string): VoterList => jointOf(plain(before), names(after))

/** Every set of these nodes. */
function* setsOf(all: readonly NodeId[]): Generator<Set<NodeId>> {
  for (let bits = 0; bits < 1 << all.length; bits++) yield new Set(all.filter((_, i) => bits & (1 << i)))
}

const share = (a: ReadonlySet<NodeId>, b: ReadonlySet<NodeId>): boolean => [...a].some(name => b.has(name))

/** Every change by one voter, between lists of up to six. */
function* changes(): Generator<{ old: VoterList; both: VoterList; next: VoterList; all: NodeId[] }> {
  for (let size = 1; size <= 5; size++) {
    const some = 'bcdef'.slice(0, size)
    // The one that comes is the lowest of all, or the highest: half of a list counts with its lowest name.
    for (const more of [`a${some}`, `${some}g`]) {
      for (const [before, after] of [
        [some, more],
        [more, some],
      ] as const) {
        const both = joint(before, after)
        yield { old: plain(before), both, next: settledOf(both), all: names(more) }
      }
    }
  }
}

test('exactly half with the lowest name is a quorum of a list that stands alone', () => {
  assert.ok(isActingQuorum(plain('abcd'), new Set(names('ab'))))
  assert.ok(!isActingQuorum(plain('abcd'), new Set(names('bcd').slice(0, 2))))
})

test('while the list changes exactly half is a quorum of neither side', () => {
  for (const list of [joint('abcd', 'abc'), joint('abc', 'abcd')]) {
    assert.ok(!isActingQuorum(list, new Set(names('ab'))))
    assert.ok(isActingQuorum(list, new Set(names('abc'))))
  }
  assert.ok(!isActingQuorum(joint('ab', 'abc'), new Set(names('ac'))))
})

test('quorums of neighbouring lists share a voter, whoever comes or goes', () => {
  for (const { old, both, next, all } of changes()) {
    const [ofOld, ofBoth, ofNext] = [old, both, next].map(list =>
      [...setsOf(all)].filter(set => isActingQuorum(list, set)),
    ) as [Set<NodeId>[], Set<NodeId>[], Set<NodeId>[]]
    for (const set of ofBoth)
      for (const other of [...ofOld, ...ofBoth, ...ofNext])
        assert.ok(share(set, other), `${both.previous} to ${both.names}: ${[...set]} and ${[...other]}`)
  }
})

test('who settles a change shares a voter with every quorum of the list before, so none is got any more', () => {
  for (const { old, both, all } of changes())
    for (const set of setsOf(all)) {
      if (!isChangeQuorum(old.names, both.names, true, set)) continue
      for (const other of setsOf(all)) if (isActingQuorum(old, other)) assert.ok(share(set, other))
    }
})

test('in one step it would not hold: half of a list with its lowest name misses a majority of one more', () => {
  const [half, majority] = [new Set(names('bc')), new Set(names('ade'))]
  assert.ok(isActingQuorum(plain('bcde'), half) && isActingQuorum(plain('abcde'), majority))
  assert.ok(!share(half, majority))
})

test('a list changes by one voter at a time: any other joint list could not have come about', () => {
  const ballot = { round: 5, by: asNodeId('a') }
  const told = (before: string, after: string): VoterList => ({ ...joint(before, after), ballot })
  for (const [before, after] of [
    ['abc', 'abcd'],
    ['abc', 'ab'],
  ] as const)
    assert.ok(isSound(told(before, after)))
  for (const [before, after] of [
    ['abc', 'abcde'],
    ['abc', 'a'],
    ['abc', 'abd'],
    ['abc', 'abc'],
    ['abc', ''],
    ['abc', 'acbd'],
  ] as const)
    assert.ok(!isSound(told(before, after)), `${before} to ${after}`)
  assert.ok(!isSound(joint('abc', 'abcd')), 'without a round nobody has accepted it')
  assert.equal(rootOf(settledOf(joint('abc', 'abcd'))), rootOf(plain('abc')), 'it descends from the same')
})

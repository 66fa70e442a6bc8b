import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findReruns, joinBooks } from '../../../src/cli/cluster/books.ts'
import { attempt, record } from '../records.ts'

const KILL = { node: 'victim', at: 1_000, goneAt: 1_020 }

function rerunsOf(...attempts: ReturnType<typeof attempt>[]) {
  return findReruns(joinBooks([[record('t', { attempts })]]).values(), KILL).map(({ why }) => why)
}

describe('joining the books of all nodes', () => {
  test('keeps the attempts of every copy once, and what is known best of each', () => {
    const running = record('t', { state: 'running', attempts: [attempt('a', 1)] })
    const done = record('t', { attempts: [attempt('a', 1, 'succeeded'), attempt('b', 5, 'succeeded')] })
    const [story] = joinBooks([[running], [done], [running]]).values()
    assert.equal(story?.record.state, 'succeeded')
    assert.deepEqual(
      story?.attempts.map(({ node, outcome }) => [node, outcome]),
      [
        ['a', 'succeeded'],
        ['b', 'succeeded'],
      ],
    )
  })

  test('believes the node that ran it over one that only lost sight of it', () => {
    const victim = record('t', { attempts: [attempt('victim', 1, 'succeeded')] })
    const heir = record('t', {
      attempts: [attempt('victim', 1, 'lost'), attempt('b', 9, 'succeeded')],
      revision: 7,
    })
    for (const books of [
      [[victim], [heir]],
      [[heir], [victim]],
    ]) {
      const [story] = joinBooks(books).values()
      assert.deepEqual(
        story?.attempts.map(({ outcome }) => outcome),
        ['succeeded', 'succeeded'],
      )
    }
  })
})

describe('a task that ran twice', () => {
  test('is none when an attempt failed and the next one did not', () => {
    assert.deepEqual(rerunsOf(attempt('a', 1, 'failed'), attempt('a', 5, 'succeeded')), [])
  })

  test('is none when a node stopped it because its right to act ended', () => {
    assert.deepEqual(rerunsOf(attempt('a', 1, 'fenced'), attempt('b', 5, 'succeeded')), [])
    const others = [attempt('a', 1, 'succeeded'), attempt('b', 2, 'fenced'), attempt('c', 5, 'succeeded')]
    assert.deepEqual(rerunsOf(...others), ['unexplained'])
  })

  test('is explained by the victim when it was done there before the kill', () => {
    assert.deepEqual(rerunsOf(attempt('victim', 900, 'succeeded'), attempt('b', 1_200, 'succeeded')), [
      'done-on-victim-not-yet-known-elsewhere',
    ])
  })

  test('was only cut off when the victim had not ended it, also when it began between the signal and its end', () => {
    for (const end of [undefined, 'lost'] as const)
      for (const startedAt of [990, 1_010])
        assert.deepEqual(rerunsOf(attempt('victim', startedAt, end), attempt('b', 1_200, 'succeeded')), [
          'was-running-on-victim',
        ])
  })

  test('is unexplained when the victim has no part in it, ran it after its restart, or a third run came on top', () => {
    const others = [attempt('a', 900, 'succeeded'), attempt('b', 1_200, 'succeeded')]
    assert.deepEqual(rerunsOf(...others), ['unexplained'])
    assert.deepEqual(rerunsOf(attempt('victim', 1_500, 'succeeded'), attempt('b', 1_200, 'succeeded')), [
      'unexplained',
    ])
    assert.deepEqual(rerunsOf(attempt('victim', 900, 'succeeded'), ...others), ['unexplained'])
  })

  test('is unexplained without a kill', () => {
    const attempts = [attempt('victim', 900, 'succeeded'), attempt('b', 1_200, 'succeeded')]
    const stories = joinBooks([[record('t', { attempts })]])
    assert.deepEqual(
      findReruns(stories.values(), undefined).map(({ why }) => why),
      ['unexplained'],
    )
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { joinBooks } from '../../../src/cli/cluster/books.ts'
import type { Havoc } from '../../../src/cli/cluster/chaos.ts'
import { describe as describeSummary, type Findings, summarise } from '../../../src/cli/cluster/summary.ts'
import type { TaskRecord } from '../../../src/tasks/task.ts'
import { attempt, record } from '../records.ts'
import { planOf, quorumGrants, sampleOf } from './samples.ts'

const done = (id: string, node = 'node-1', at = 100) =>
  record(id, { attempts: [attempt(node, at, 'succeeded', { endedAt: at + 50 })] })

function summaryOf(records: readonly TaskRecord[], more: Partial<Findings> = {}) {
  return summarise({
    sample: sampleOf([{ succeeded: records.length }], 5_000),
    tasks: records.length,
    stories: joinBooks([records]),
    havoc: undefined,
    startMs: 2_000,
    manifest: { path: 'm', lines: records.length },
    verdict: { equal: true, differences: [], differing: 0 },
    ...more,
  })
}

const havocOf = (noticedMs: Havoc['noticedMs'] = { 'node-1': 90 }): Havoc => ({
  kill: { node: 'node-2', at: 1_000, goneAt: 1_010 },
  victim: planOf('node-2'),
  owned: [done('a'), done('b'), done('c')],
  book: [],
  startedBefore: 0,
  noticedMs,
  listeningMs: 800,
  agreementMs: 1_500,
})

describe('the summary', () => {
  test('is ok when every task succeeded once and the manifest is equal', () => {
    const summary = summaryOf([done('a'), done('b', 'node-1', 400)])
    assert.equal(summary.ok, true)
    assert.deepEqual(summary.problems, [])
    assert.deepEqual(summary.seconds, { start: 2, work: 0.35, total: 5 })
    assert.equal(summary.nodes[0]?.ran, 2)
    assert.match(describeSummary(summary), /run twice +0\n.*\n.*\n\nok: nothing missing, nothing wrong\n$/)
  })

  test('counts a retry as a retry and not as a second run', () => {
    const attempts = [attempt('node-1', 1, 'failed'), attempt('node-1', 90, 'succeeded', { number: 2 })]
    const summary = summaryOf([record('a', { attempts })])
    assert.deepEqual([summary.retried, summary.runTwice.length, summary.ok], [1, 0, true])
  })

  test('names the mode and how many may act, and counts what was stopped for want of a lease', () => {
    const attempts = [attempt('node-1', 1, 'fenced'), attempt('node-2', 90, 'succeeded', { number: 2 })]
    const summary = summaryOf([record('a', { attempts })], {
      sample: sampleOf([{ succeeded: 1 }, {}], 5_000, { grants: quorumGrants(1_000) }),
    })
    assert.deepEqual([summary.fenced, summary.runTwice.length, summary.ok], [1, 0, true])
    assert.deepEqual([summary.mode, summary.acting], ['quorum', 2])
    const text = describeSummary(summary)
    assert.match(text, /^mode +quorum, 2 of 2 nodes may act$/m)
    assert.match(text, /^stopped for want of a lease +1$/m)
  })

  for (const [what, summary] of Object.entries({
    'a task is on no books': summaryOf([done('a')], { tasks: 2 }),
    'a task is dead': summaryOf([record('a', { state: 'dead', attempts: [attempt('node-1', 1, 'failed')] })]),
    'a task ran twice': summaryOf([
      record('a', { attempts: [attempt('node-1', 1, 'succeeded'), attempt('node-2', 2, 'succeeded')] }),
    ]),
    'the manifest differs': summaryOf([done('a')], {
      verdict: { equal: false, differences: ['a: x'], differing: 1 },
    }),
    'a node started more than the books show': summaryOf([done('a')], {
      sample: sampleOf([{ succeeded: 2 }], 1),
    }),
    'a survivor never noticed the kill': summaryOf([done('a')], { havoc: havocOf({ 'node-1': undefined }) }),
  })) {
    test(`is not ok when ${what}, and says so`, () => {
      assert.equal(summary.ok, false)
      assert.equal(summary.problems.length, 1)
      assert.match(describeSummary(summary), /\nFAILED: /)
    })
  }

  test('after a kill excuses what the victim explains, names it, and tells when others took over', () => {
    const doneTwice = [attempt('node-2', 900, 'succeeded'), attempt('node-1', 1_300, 'succeeded')]
    const cutOff = [attempt('node-2', 990), attempt('node-1', 1_150, 'succeeded')]
    const records = [
      record('a', { attempts: doneTwice }),
      record('b', { attempts: cutOff }),
      done('c', 'node-2', 2_500),
    ]
    const summary = summaryOf(records, { havoc: havocOf() })
    assert.equal(summary.ok, true)
    assert.equal(summary.runTwice.length, 1)
    assert.equal(summary.cutOff.length, 1)
    assert.deepEqual(summary.chaos?.takeover, { tasks: 2, firstStartMs: 150, lastStartMs: 300 })
    const text = describeSummary(summary)
    assert.match(text, /a: done-on-victim-not-yet-known-elsewhere \(node-2 succeeded, node-1 succeeded\)/)
    assert.match(text, /noticed by all others +first after 90 ms, last after 90 ms/)
  })
})

/** Do the lines of the report fail where they should? What the judge finds is tried in `judge.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Report } from '../faults/report.ts'
import { tell } from './findings.ts'
import { type Judgement, judge } from './judge.ts'
import type { Played } from './play.ts'

const EMPTY = { answers: [], marks: [], faults: [], shown: [], copies: [] }

const SIGN = {
  at: 1,
  event: 'start',
  actor: 1,
  key: 'k',
  token: '1',
  node: 'n1',
  pid: 1,
  accepted: true,
} as const

const played = (more: Partial<Played> = {}): Played => ({
  history: { ...EMPTY, marks: [{ ...SIGN, task: 't', run: 'r', attempt: 1 }] },
  steps: [{ kind: 'kill', nodes: ['n1'], holdMs: 1 }],
  refusals: new Map(),
  ...{ submitMs: 1_000, settleMs: 1_000, sampled: 2, notShown: 0, stale: 'refused', ...more },
})

const right: Judgement = { ...judge(EMPTY), accepted: 2, succeeded: 2 }

function failing(one: Played, judgement: Judgement = right): readonly string[] {
  const report = new Report(() => undefined)
  tell(report, judgement, one, { tasks: 2, kinds: ['kill', 'freeze'] })
  return report.failed.map(({ name }) => name)
}

test('a run that is right in all', () => {
  assert.deepEqual(failing(played()), [])
})

test('a task that was left out, or did not succeed', () => {
  assert.deepEqual(failing(played(), { ...right, accepted: 1 }), ['tasks accepted'])
  assert.deepEqual(failing(played(), { ...right, succeeded: 1 }), ['of them succeeded'])
})

test('tasks that never came to an end are no time', () => {
  assert.deepEqual(failing(played({ settleMs: null })), ['until every task had an end, once all were mended'])
})

test('a sample that nobody asked for shows nothing, and one that was not shown fails', () => {
  assert.deepEqual(failing(played({ sampled: 0 })), ['tasks asked of random nodes at the end'])
  assert.deepEqual(failing(played({ notShown: 1 })), [
    'of 2 tasks asked of random nodes at the end, not shown as succeeded',
  ])
})

test('a run in which nothing was broken, or nobody heard anything', () => {
  assert.deepEqual(failing(played({ steps: [] })), ['steps that broke one or two nodes'])
  assert.deepEqual(failing(played({ history: EMPTY })), ['signs at the register'])
})

test('a stale act that the register took, and one that nobody could make', () => {
  const claim = 'stale acts made on purpose at the end that it refused'
  assert.deepEqual(failing(played({ stale: 'accepted' })), [claim])
  assert.deepEqual(failing(played({ stale: undefined })), [claim])
})

test('a finding of any kind fails its own line', () => {
  const findings = [{ wrong: 'lost', task: 't', text: 'nobody knows it' } as const]
  assert.deepEqual(failing(played(), { ...right, findings }), ['accepted tasks that did not succeed'])
})

test('steps that come too seldom', () => {
  const name = '    from one to the next, on average'
  assert.deepEqual(failing(played({ submitMs: 10_001 })), [name])
  assert.deepEqual(failing(played({ submitMs: 10_000 })), [])
})

test('a long run in which one kind of fault never came', () => {
  const steps = (count: number) =>
    Array.from({ length: count }, () => ({ kind: 'kill', nodes: ['n1'], holdMs: 1 }) as const)
  const freeze = { kind: 'freeze', nodes: ['n2'], holdMs: 1 } as const
  assert.deepEqual(failing(played({ steps: steps(40) })), ['    kinds of kill, freeze that never came'])
  assert.deepEqual(failing(played({ steps: [...steps(40), freeze] })), [])
  assert.deepEqual(failing(played({ steps: steps(39) })), [], 'a try is too short for that')
})

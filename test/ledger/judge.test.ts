import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Answer, Copy, Fault, History, Mark, Shown } from './history.ts'
import { type Judgement, judge, type Wrong } from './judge.ts'

const NONE: History = { answers: [], marks: [], faults: [], shown: [], copies: [] }

/** Several parts of a history, as one. */
const together = (...parts: readonly Partial<History>[]): History => ({
  answers: parts.flatMap(({ answers = [] }) => answers),
  marks: parts.flatMap(({ marks = [] }) => marks).toSorted((a, b) => a.at - b.at),
  faults: parts.flatMap(({ faults = [] }) => faults),
  shown: parts.flatMap(({ shown = [] }) => shown),
  copies: parts.flatMap(({ copies = [] }) => copies),
})

const answer = (task: string, status: number | null, some: Partial<Answer> = {}): Partial<History> => ({
  answers: [{ task, key: 'k', node: 'n1', at: 10, status, ...some }],
})

interface RunOf {
  readonly node?: string
  readonly token?: number
  readonly attempt?: number
  readonly key?: string
  readonly task?: string
  /** Whether the register took its end. */
  readonly taken?: boolean
}

/** A run named `task/letter`, from and to a time; without the latter it never said that it ended. */
function run(name: string, from: number, to?: number, of: RunOf = {}): Partial<History> {
  const { node = 'n1', token = 5, attempt = 1, key = 'k', task = name.split('/')[0] ?? '', taken = true } = of
  const mark = (event: Mark['event'], at: number, accepted: boolean): Mark => {
    const who = { actor: from, key, token: String(token), node, pid: 1, task, run: name, attempt }
    return { event, at, ...who, accepted }
  }
  return { marks: [mark('start', from, true), ...(to === undefined ? [] : [mark('stop', to, taken)])] }
}

const fault = (kind: Fault['kind'], node: string, from: number, to: number): Partial<History> => ({
  faults: [{ kind, node, from, to }],
})

const copies = (task: string, name: string | undefined, ...nodes: readonly string[]): Partial<History> => ({
  copies: nodes.map(node => copy(task, node, name)),
})

const copy = (task: string, node: string, name: string | undefined): Copy =>
  name === undefined
    ? { task, node, state: 'ready', attempts: 0, failed: 0 }
    : { task, node, state: 'succeeded', run: name, attempts: 2, failed: 1 }

const shown = (task: string, name: string, at: number): Partial<History> => ({
  shown: [{ task, node: 'n2', at, run: name } satisfies Shown],
})

/** A task that is as it should be. */
const fine = (task: string, from = 100, key = 'k'): Partial<History> =>
  together(
    answer(task, 202, { key }),
    run(`${task}/a`, from, from + 20, { key }),
    copies(task, `${task}/a`, 'n1', 'n2', 'n3'),
  )

/** Handed in, and it ends with run b, on another node and under a newer token. */
const twice = (
  at: number,
  to: number | undefined,
  next: number,
  ...faults: readonly Partial<History>[]
): History =>
  together(
    answer('t', 202),
    // As the register does it: what comes late is refused.
    run('t/a', at, to, { taken: to === undefined || to <= next }),
    run('t/b', next, next + 20, { node: 'n2', token: 6, attempt: 2 }),
    copies('t', 't/b', 'n1', 'n2', 'n3'),
    ...faults,
  )

const wrongs = ({ findings }: Judgement): readonly Wrong[] => findings.map(({ wrong }) => wrong)

test('a right history has no findings, and everything in it is counted', () => {
  const found = judge(
    together(
      fine('t'),
      fine('u', 200),
      answer('v', 503),
      answer('v', null),
      answer('v', 408),
      answer('v', 429),
    ),
  )
  assert.deepEqual(found.findings, [])
  assert.deepEqual([found.accepted, found.succeeded], [2, 2])
  assert.deepEqual(judge(NONE).findings, [])
})

for (const [what, history, cause] of [
  [
    'it was under way when its node was killed',
    twice(100, undefined, 5_000, fault('kill', 'n1', 500, 9_000)),
    'kill',
  ],
  [
    'it had just ended when its node was killed',
    twice(100, 400, 5_000, fault('kill', 'n1', 500, 9_000)),
    'kill',
  ],
  ['its node lost its disk', twice(100, 400, 5_000, fault('disk-lost', 'n1', 500, 9_000)), 'disk-lost'],
  [
    'its node was frozen, and ended it when it woke',
    twice(100, 9_000, 5_000, fault('freeze', 'n1', 500, 8_900)),
    'freeze',
  ],
  ['its node was cut off', twice(2_000, 2_100, 5_000, fault('cut', 'n1', 500, 8_900)), 'cut'],
  [
    'its node was back and still taken for dead',
    twice(9_500, 9_600, 9_900, fault('cut', 'n1', 500, 9_000)),
    'cut',
  ],
  [
    'its node was stopped before it had ended',
    twice(100, 700, 5_000, fault('restart', 'n1', 500, 9_000)),
    'restart',
  ],
  ['its node stood still by itself', twice(100, 2_000, 3_000, fault('pause', 'n1', 200, 1_900)), 'pause'],
  [
    'its node was fenced while others were down',
    twice(100, 400, 5_000, fault('kill', 'n3', 50, 3_000), fault('fence', 'n1', 500, 500)),
    'fence',
  ],
  [
    'what was injected counts before what the log says',
    twice(100, undefined, 5_000, fault('freeze', 'n1', 500, 4_000), fault('pause', 'n1', 500, 4_000)),
    'freeze',
  ],
] as const) {
  test(`a run beyond the first is explained: ${what}`, () => {
    const found = judge(history)
    assert.deepEqual(found.findings, [])
    assert.equal(found.repeats[cause], 1)
  })
}

const WRONG: readonly (readonly [what: string, wrong: Wrong, history: History])[] = [
  ['an accepted task that nobody knows any more', 'lost', together(fine('t'), answer('u', 202))],
  [
    'an accepted task that still waits',
    'lost',
    together(fine('t'), answer('u', 202), copies('u', undefined, 'n1', 'n2')),
  ],
  [
    'an accepted task that became a dead letter',
    'lost',
    together(answer('t', 202), run('t/a', 100, 120), {
      copies: [{ ...copy('t', 'n1', 't/a'), state: 'dead' }],
    }),
  ],
  [
    'a dead letter on one disk that has succeeded on another',
    'lost',
    together(fine('t'), { copies: [{ ...copy('t', 'n4', 't/a'), state: 'dead' }] }),
  ],
  [
    'a task that was said to be known already, and is not',
    'lost',
    together(answer('t', null), answer('t', 200)),
  ],
  ['a success without a run', 'never-ran', together(answer('t', 202), copies('t', 't/a', 'n1', 'n2'))],
  [
    'a success whose run never ended',
    'never-ran',
    together(answer('t', 202), run('t/a', 100), copies('t', 't/a', 'n1', 'n2')),
  ],
  [
    'a success whose run the register refused',
    'never-ran',
    together(answer('t', 202), run('t/a', 100, 120, { taken: false }), copies('t', 't/a', 'n1')),
  ],
  [
    'a result of a run that is of another task',
    'result-of-no-run',
    together(fine('t'), fine('u', 200), { copies: [] }, fault('kill', 'n9', 0, 1), {
      ...together(answer('v', 202), run('v/a', 300, 320), copies('v', 'u/a', 'n1', 'n2')),
    }),
  ],
  [
    'a result of the run that was refused, although another one was taken',
    'result-of-no-run',
    together(
      answer('t', 202),
      run('t/a', 100, 6_000, { taken: false }),
      run('t/b', 5_000, 5_100, { node: 'n2', token: 6 }),
      fault('freeze', 'n1', 200, 5_900),
      copies('t', 't/a', 'n1', 'n2'),
    ),
  ],
  [
    'two nodes with two results',
    'two-results',
    together(twice(100, 400, 5_000, fault('kill', 'n1', 500, 900)), copies('t', 't/a', 'n4')),
  ],
  [
    'a result that was shown, and is another one in the end',
    'two-results',
    together(twice(100, 400, 5_000, fault('kill', 'n1', 500, 900)), shown('t', 't/a', 450)),
  ],
  ['a run again for no reason', 'unexplained-run', twice(100, 120, 5_000)],
  [
    'a run again, and another node was killed',
    'unexplained-run',
    twice(100, 120, 5_000, fault('kill', 'n2', 110, 900)),
  ],
  [
    'a run again, and its node was killed before',
    'unexplained-run',
    twice(100, 120, 5_000, fault('kill', 'n1', 50, 99)),
  ],
  [
    'a run again, and its node was killed long after its end',
    'unexplained-run',
    twice(100, 120, 5_000, fault('kill', 'n1', 2_500, 3_000)),
  ],
  [
    'a run again, and its node was killed only then',
    'unexplained-run',
    twice(100, undefined, 5_000, fault('kill', 'n1', 5_001, 6_000)),
  ],
  [
    'a run again, cut off long before it',
    'unexplained-run',
    twice(8_000, 8_100, 9_000, fault('cut', 'n1', 500, 2_000)),
  ],
  [
    'a run again after a restart that came once it had ended',
    'unexplained-run',
    twice(100, 120, 5_000, fault('restart', 'n1', 200, 3_000)),
  ],
  [
    'a run again after a fence that nothing explains',
    'unexplained-run',
    twice(100, 400, 5_000, fault('fence', 'n1', 500, 500)),
  ],
  [
    'a run again after another task was fenced',
    'unexplained-run',
    twice(100, 400, 5_000, fault('kill', 'n3', 50, 3_000), {
      faults: [{ kind: 'fence', node: 'n1', from: 500, to: 500, task: 'another' }],
    }),
  ],
  [
    'a run again, and its node stood still at another time',
    'unexplained-run',
    twice(100, 120, 9_000, fault('pause', 'n1', 3_000, 4_000)),
  ],
  [
    'three runs, and one fault that explains only one of them',
    'unexplained-run',
    together(
      answer('t', 202),
      run('t/a', 100),
      run('t/b', 5_000, 5_020, { node: 'n2', token: 6 }),
      run('t/c', 6_000, 6_020, { node: 'n3', token: 7 }),
      fault('kill', 'n1', 500, 9_000),
      copies('t', 't/c', 'n1', 'n2', 'n3'),
    ),
  ],
  [
    'an act under a token that had been replaced',
    'stale-accepted',
    together(
      answer('t', 202),
      run('t/a', 100, 5_500),
      run('t/b', 5_000, 5_020, { node: 'n2', token: 6 }),
      fault('freeze', 'n1', 200, 5_400),
      copies('t', 't/b', 'n1', 'n2', 'n3'),
    ),
  ],
  [
    'an act under the token of another node',
    'stale-accepted',
    together(
      fine('t'),
      answer('u', 202),
      run('u/a', 300, 320, { node: 'n2' }),
      copies('u', 'u/a', 'n2', 'n3'),
    ),
  ],
  ['a run of a task that nobody handed in', 'ran-unasked', together(fine('t'), run('u/a', 300, 320))],
  [
    'a record of a task that nobody handed in',
    'ran-unasked',
    together(fine('t'), copies('u', undefined, 'n4')),
  ],
  [
    'a task that was refused for good',
    'refused-for-good',
    together(fine('t'), answer('t', 409, { code: 'TASK_CONFLICT' })),
  ],
  [
    'a run for another key than the one it was handed in for',
    'wrong-key',
    together(answer('t', 202), run('t/a', 100, 120, { key: 'q' }), copies('t', 't/a', 'n1', 'n2')),
  ],
]

for (const [what, wrong, history] of WRONG) {
  test(`a wrong history is found out: ${what}`, () => {
    assert.deepEqual([...new Set(wrongs(judge(history)))], [wrong])
  })
}

test('one wrong task among many right ones is the only one that is named', () => {
  const many = Array.from({ length: 50 }, (_, i) => fine(`m${i}`, 10_000 + 100 * i, 'q'))
  for (const [, wrong, history] of WRONG) {
    const { findings } = judge(together(history, ...many))
    assert.deepEqual([...new Set(findings.map(each => each.wrong))], [wrong])
    assert.ok(findings.every(({ task }) => !task.startsWith('m')))
  }
})

test('whatever single thing is taken out of a right history, it is missed', () => {
  const tasks = fc.array(fc.nat(500), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(tasks, fc.nat(), (starts, which) => {
      const history = together(...starts.map((at, i) => fine(`t${i}`, 1_000 * i + at)))
      assert.deepEqual(judge(history).findings, [])
      const victim = `t${which % starts.length}`
      const without = <T extends { readonly task: string }>(all: readonly T[]): readonly T[] =>
        all.filter(({ task }) => task !== victim)
      assert.deepEqual(wrongs(judge({ ...history, copies: without(history.copies) })), ['lost'])
      assert.deepEqual(wrongs(judge({ ...history, marks: without(history.marks) })), ['never-ran'])
      assert.deepEqual(wrongs(judge({ ...history, answers: without(history.answers) })), ['ran-unasked'])
    }),
  )
})

test('repeats of which the record does not tell are counted', () => {
  const history = twice(100, undefined, 5_000, fault('kill', 'n1', 500, 9_000))
  assert.equal(judge(history).untold, 0)
  const silent = { ...history, copies: history.copies.map(each => ({ ...each, failed: 0 })) }
  assert.equal(judge(silent).untold, 1)
})

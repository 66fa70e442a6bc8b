import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fact } from './line.ts'
import { type Report, reportShown } from './reports.ts'

const conditions = (report: Report): string | undefined =>
  reportShown(report, 0).find(({ claim }) => claim === 'conditions')?.figure

test('what it was measured under stands first, without where the report goes', () => {
  const report = {
    what: 'eight daemons',
    options: { tasks: '10', json: true },
    shown: [fact('all', true, '')],
  }
  assert.deepEqual(
    reportShown(report, 0).map(({ claim, figure }) => `${claim}: ${figure}`),
    [
      'conditions: eight daemons, tasks 10',
      'all: ',
      'the run ends well, and something was claimed: exit code 0, 1 hold, 0 fail',
    ],
  )
  assert.equal(conditions({ mode: 'quorum', seed: 7, repeats: 2 }), 'mode quorum, seed 7, repeats 2')
  assert.equal(conditions({}), 'not told')
})

test('conditions alone claim nothing, and a code that says otherwise than the lines does not hold', () => {
  const verdict = (report: Report, code: number | null) => reportShown(report, code).at(-1)?.holds
  assert.equal(verdict({ what: 'nothing' }, 0), false)
  assert.equal(verdict({ shown: [fact('all', true, '')] }, 1), false)
  assert.equal(verdict({ shown: [fact('all', false, '')] }, 0), false)
  assert.equal(verdict({ shown: [fact('all', true, '')] }, 0), true)
})

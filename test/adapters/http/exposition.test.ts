import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expose } from '../../../src/adapters/http/exposition.ts'

test('a histogram is one family: buckets, sum and count under one head', () => {
  const text = expose([
    {
      name: 'wait_seconds',
      help: 'A wait.',
      type: 'histogram',
      samples: [
        { suffix: '_bucket', labels: { le: '0.1' }, value: 1 },
        { suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
        { suffix: '_sum', value: 1.5 },
        { suffix: '_count', value: 2 },
      ],
    },
  ])
  assert.equal(
    text,
    [
      '# HELP roundtable_wait_seconds A wait.',
      '# TYPE roundtable_wait_seconds histogram',
      'roundtable_wait_seconds_bucket{le="0.1"} 1',
      'roundtable_wait_seconds_bucket{le="+Inf"} 2',
      'roundtable_wait_seconds_sum 1.5',
      'roundtable_wait_seconds_count 2',
      '',
    ].join('\n'),
  )
})

test('samples of one name stand under one head, and no label can end its line', () => {
  const metric = { name: 'a', help: 'b\nc', type: 'gauge' } as const
  const text = expose([
    { ...metric, samples: [{ labels: { x: '"\\\n' }, value: Number.POSITIVE_INFINITY }] },
    { ...metric, samples: [{ value: Number.NaN }] },
  ])
  assert.equal(
    text,
    [
      '# HELP roundtable_a b\\nc',
      '# TYPE roundtable_a gauge',
      'roundtable_a{x="\\"\\\\\\n"} +Inf',
      'roundtable_a NaN',
      '',
    ].join('\n'),
  )
})

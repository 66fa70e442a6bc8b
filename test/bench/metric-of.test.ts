import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loopDelayP99Ms, scrapedWithDelay } from './loop-delay.ts'
import { metricOf } from './metric-of.ts'

const TEXT = [
  '# HELP frames Frames.',
  '# TYPE frames counter',
  'frames{direction="out",kind="gossip"} 3',
  'frames{direction="out",kind="link"} 4',
  'frames{direction="in",kind="link"} 5',
  'commits_total 7',
  'commits_total_late 8',
  'broken NaN',
].join('\n')

test('a metric is the sum of its series that have the labels', () => {
  assert.equal(metricOf(TEXT, 'commits_total'), 7)
  assert.equal(metricOf(TEXT, 'frames', { direction: 'out' }), 7)
  assert.equal(metricOf(TEXT, 'frames'), 12)
})

test('a metric that is not there throws, and so does one without these labels, or without a number', () => {
  assert.throws(() => metricOf(TEXT, 'frames_total'), /no metric frames_total/)
  assert.throws(() => metricOf(TEXT, 'commits'), /no metric commits/)
  assert.throws(() => metricOf(TEXT, 'frames', { direction: 'up' }), /no metric frames\{direction="up"\}/)
  assert.throws(() => metricOf(TEXT, 'broken'), /no metric broken/)
  assert.throws(() => metricOf('', 'commits_total'), /no metric/)
})

test('the delay of an event loop is waited for, since the first scrape shows none, and is an error when it never comes', async () => {
  const answers = [TEXT, TEXT, `${TEXT}\nnodejs_eventloop_lag_p99_seconds 0.012`]
  const metrics = await scrapedWithDelay(async () => answers.shift() ?? '')
  assert.equal(loopDelayP99Ms(metrics), 12)
  const never = await scrapedWithDelay(async () => TEXT)
  assert.throws(() => loopDelayP99Ms(never), /no metric nodejs_eventloop_lag_p99_seconds/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Desks,
  ENDED_KEPT,
  ENDED_LOG_BYTES_MAX,
  endOf,
  REPORT_PATH,
} from '../../../src/adapters/executors/desks.ts'
import { asTaskId } from '../../../src/base/ids.ts'

const id = asTaskId('a')
const tail = (text: string) => ({ text, cutBytes: 0 })

test('a desk tells of its attempt while it runs and after it, and of no other', async () => {
  const desks = new Desks()
  const desk = desks.open(id, 2)
  assert.equal(await desks.look(id, 1, 100), undefined)
  assert.deepEqual(await desks.look(id, 2, 100), { running: true })
  desk.report({ fraction: 0.5 })
  desk.peekWith(async () => ({ stdout: tail('out'), stderr: tail('') }))
  const seen = await desks.look(id, 2, 2)
  assert.deepEqual(seen?.stdout, { text: 'ut', cutBytes: 1 })
  assert.equal(seen?.progress?.fraction, 0.5)
  assert.equal((await desks.look(id, 2, 0))?.stdout, undefined)
  desk.printed({ stdout: tail('out, all of it'), stderr: tail('err') })
  desks.close(desk)
  const ended = await desks.look(id, 2, 100)
  assert.deepEqual(
    [ended?.running, ended?.stdout?.text, ended?.stderr?.text],
    [false, 'out, all of it', 'err'],
  )
  assert.equal(ended?.progress?.fraction, 0.5)
})

test('what is kept of ended attempts is bounded, in number and in bytes, oldest first', async () => {
  const desks = new Desks()
  const end = (attempt: number, text: string): void => {
    const desk = desks.open(id, attempt)
    desk.printed({ stdout: tail(text), stderr: tail('') })
    desks.close(desk)
  }
  for (let i = 1; i <= ENDED_KEPT + 5; i++) end(i, 'x')
  assert.equal(await desks.look(id, 5, 10), undefined)
  assert.notEqual(await desks.look(id, 6, 10), undefined)
  const large = 'y'.repeat(16 * 1024)
  for (let i = 0; i < (2 * ENDED_LOG_BYTES_MAX) / large.length; i++) end(10_000 + i, large)
  const metric = (name: string) => desks.metrics().find(each => each.name === name)?.samples[0]?.value ?? 0
  assert.ok(metric('attempt_logs_bytes') <= ENDED_LOG_BYTES_MAX)
  assert.ok(metric('attempt_logs_kept') <= ENDED_LOG_BYTES_MAX / large.length)
  assert.ok(metric('attempt_logs_dropped_total') > ENDED_KEPT)
})

test('an attempt that said and printed nothing leaves nothing', async () => {
  const desks = new Desks()
  desks.close(desks.open(id, 1))
  assert.equal(await desks.look(id, 1, 10), undefined)
})

test('an address is the attempt’s own, nobody’s before the API is there, and gone with the attempt', async () => {
  const desks = new Desks()
  assert.equal(desks.open(id, 1).reportUrl(), undefined)
  desks.servedAt('http://127.0.0.1:7373')
  const [one, two] = [desks.open(id, 2), desks.open(id, 3)]
  const urls = [one, two].map(desk => desk.reportUrl() ?? '')
  assert.notEqual(urls[0], urls[1])
  const [address = '', other = ''] = urls.map(url => {
    assert.ok(url.startsWith(`http://127.0.0.1:7373${REPORT_PATH}`))
    return url.slice(url.lastIndexOf('/') + 1)
  })
  assert.ok(address.length >= 24)
  assert.equal(desks.report(address, { fraction: 0.1 }), true)
  assert.equal((await desks.look(id, 2, 0))?.progress?.fraction, 0.1)
  assert.equal((await desks.look(id, 3, 0))?.progress, undefined)
  desks.close(one)
  assert.equal(desks.report(address, { fraction: 0.2 }), false)
  assert.equal(desks.report(other, { fraction: 0.3 }), true)
  assert.equal(desks.report('guess', { fraction: 0.3 }), false)
})

test('the end of a tail begins with a whole character', () => {
  assert.deepEqual(endOf({ text: 'aä', cutBytes: 4 }, 10), { text: 'aä', cutBytes: 4 })
  assert.deepEqual(endOf({ text: 'aäb', cutBytes: 4 }, 2), { text: 'b', cutBytes: 7 })
  assert.deepEqual(endOf({ text: 'aäb', cutBytes: 0 }, 3), { text: 'äb', cutBytes: 1 })
})

/** What waits for copies is told in time that there are too few. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import { instantOf, wallOf } from '../../src/base/time.ts'
import { CopyWaits } from '../../src/tasks/copy-waits.ts'
import { Step } from '../../src/tasks/effects.ts'
import { Table } from '../../src/tasks/table.ts'
import { freshRecord, revise } from '../../src/tasks/transition.ts'
import { spec } from './samples.ts'

const stepAt = (ms: number): Step => new Step({ mono: instantOf(ms), wall: wallOf(ms) })

test('what waits on, since the record was changed again, has no more time for that', () => {
  const table = new Table(asNodeId('n1'))
  const add = (id: string) => table.add(freshRecord(spec(id), 'api', wallOf(0), [asNodeId('n1')], 1))
  const [older, younger] = [add('older'), add('younger')]
  const waits = new CopyWaits()
  const failed: string[] = []
  const wait = (name: string, durable: () => void = () => undefined) => ({
    durable,
    failed: () => failed.push(name),
  })
  const changes = (): void => table.put(older, revise(older.record, {}))
  waits.add(older, wait('changes it', changes), stepAt(0))
  waits.add(older, wait('older'), stepAt(0))
  waits.add(younger, wait('younger'), stepAt(900))
  waits.durable(older, 2, stepAt(950))
  waits.expire(1_000, stepAt(999))
  assert.deepEqual(failed, [])
  waits.expire(1_000, stepAt(1_000))
  assert.deepEqual(failed, ['older'])
  waits.expire(1_000, stepAt(1_900))
  assert.deepEqual(failed, ['older', 'younger'])
})

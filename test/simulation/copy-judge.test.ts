/** The judge of copies on histories that are wrong, and on those beside them that are right. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId, asTaskId } from '../../src/base/ids.ts'
import { wallOf } from '../../src/base/time.ts'
import type { TaskRecord } from '../../src/tasks/task.ts'
import { freshRecord } from '../../src/tasks/transition.ts'
import { makeSpec } from './cluster.ts'
import { type DiskSaid, missingCopies, missingEnds, missingNotes } from './copy-judge.ts'

const spec = { ...makeSpec('a', 1), id: asTaskId('a') }
const accepted: TaskRecord = {
  ...freshRecord(spec, 'api', wallOf(1_000), ['n1', 'n2', 'n3'].map(asNodeId), 1),
  term: 5,
}
const changed: TaskRecord = { ...accepted, revision: 2, state: 'running' }
const ended: TaskRecord = {
  ...accepted,
  revision: 3,
  state: 'succeeded',
  result: 'ours',
  settledAt: wallOf(2_000),
}

const disk = (name: string, row?: TaskRecord, lost = false): DiskSaid => ({ name, row, lost })
const disks = (...rows: (TaskRecord | undefined)[]) => rows.map((row, i) => disk(`n${i + 1}`, row))

test('two copies that are told are on two disks', () => {
  assert.equal(missingCopies(accepted, 2, disks(accepted, accepted, undefined)), 0)
  assert.equal(missingCopies(accepted, 2, disks(accepted, undefined, undefined)), 1)
  assert.equal(missingCopies(accepted, 2, disks()), 2)
})

test('two copies are no three', () => {
  assert.equal(missingCopies(accepted, 3, disks(accepted, accepted, undefined)), 1)
  assert.equal(missingCopies(accepted, 3, disks(accepted, accepted, accepted)), 0)
})

test('an older version is no copy of what was told, and a newer one is', () => {
  assert.equal(missingCopies(changed, 2, disks(changed, accepted, undefined)), 1)
  assert.equal(missingCopies(accepted, 2, disks(accepted, changed, undefined)), 0)
})

test('that a pause is over is on no disk, and all else that changed is', () => {
  const paused: TaskRecord = { ...accepted, revision: 3, state: 'retrying' }
  const over: TaskRecord = { ...paused, revision: 4, state: 'ready' }
  assert.equal(missingCopies(over, 2, disks(paused, over, undefined)), 0)
  assert.equal(missingCopies({ ...over, state: 'running' }, 2, disks(paused, over, undefined)), 1)
  assert.equal(missingCopies({ ...over, revision: 5 }, 2, disks(paused, over, undefined)), 2)
})

test('nor is what an earlier owner wrote, or another life of the task, however often it was changed', () => {
  const earlier: TaskRecord = { ...ended, term: 4, revision: 9 }
  assert.equal(missingCopies(accepted, 2, disks(accepted, earlier, undefined)), 1)
  const before: TaskRecord = { ...ended, acceptedAt: wallOf(900) }
  assert.equal(missingCopies(accepted, 2, disks(accepted, before, undefined)), 1)
  assert.equal(missingCopies(accepted, 2, disks(accepted, { ...before, term: 6 }, undefined)), 0)
})

test('a disk that was lost since is excused, and no other', () => {
  const lost = disk('n2', undefined, true)
  assert.equal(missingCopies(accepted, 2, [disk('n1', accepted), lost, disk('n3')]), 0)
  assert.equal(missingCopies(accepted, 3, [disk('n1', accepted), lost, disk('n3')]), 1)
})

test('an end is on as many disks as were owed, and another end is not it', () => {
  assert.equal(missingEnds(ended, 2, disks(ended, ended, undefined)), 0)
  assert.equal(missingEnds(ended, 2, disks(ended, changed, undefined)), 1)
  const other: TaskRecord = { ...ended, result: 'theirs', revision: 7, term: 7 }
  assert.equal(missingEnds(ended, 2, disks(ended, other, other)), 1)
  const anew: TaskRecord = { ...ended, revision: 4, term: 7 }
  assert.equal(missingEnds(ended, 2, disks(ended, anew, undefined)), 0, 'written anew by a later owner')
  const again: TaskRecord = { ...changed, redriven: { times: 1, after: 1, at: wallOf(3_000) } }
  assert.equal(missingEnds(ended, 2, disks(again, again, undefined)), 0, 'ordered to run again since')
})

test('an attempt that begins is on as many disks, under its own token', () => {
  const run = { attempt: 1, token: { value: '5', safe: true } }
  const noted = (token: string): TaskRecord => ({
    ...changed,
    attempts: [{ number: 1, node: asNodeId('n1'), startedAt: wallOf(1_500), token }],
  })
  assert.equal(missingNotes(run, 2, disks(noted('5'), noted('5'), undefined)), 0)
  assert.equal(missingNotes(run, 2, disks(noted('5'), accepted, undefined)), 1)
  assert.equal(missingNotes(run, 2, disks(noted('5'), noted('4'), undefined)), 1)
  assert.equal(missingNotes(run, 2, disks(accepted, accepted, undefined)), 2)
  const alone = { ...noted('5'), holders: [asNodeId('n1')] }
  assert.equal(missingNotes(run, 2, disks(alone, undefined)), 0, 'it had one holder then')
})

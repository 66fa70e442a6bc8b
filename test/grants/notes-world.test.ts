import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NotesWorld } from './notes-world.ts'

const WORLDS = 400
const STEPS = 400
/** A world in which a quorum tells of a disk that nothing counted on one before, though it did. */
const SEED = 1175
/** One that is lost where what was noted counts on when the right to act has lapsed. */
const LAPSED = 3090

test('whoever takes over waits for every disk on which something counted, whatever voters saw of it', () => {
  const sum = { copies: 0, disksLost: 0, finished: 0, settled: 0, replaced: 0 }
  for (const seed of [SEED, LAPSED, ...Array.from({ length: WORLDS }, (_, i) => i + 1)]) {
    const world = new NotesWorld(seed)
    world.run(STEPS)
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += world.counts[name]
  }
  for (const [name, count] of Object.entries(sum)) assert.ok(count > WORLDS, `${name}: ${count}`)
})

test('where a holder counts itself by its disk alone, such a disk is passed over', () => {
  assert.throws(() => new NotesWorld(SEED, 'enrolled').run(STEPS), /does not wait for/)
})

/** SEED=n replays one; SEEDS=n runs so many from SEED (or 1) on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Adversary } from './adversary.ts'

const first = Number(process.env['SEED'] ?? 1)
const seeds = Number(process.env['SEEDS'] ?? (process.env['SEED'] === undefined ? 20 : 1))

test('no two nodes act for a key, terms rise with every change, and after faults every key has its actor', () => {
  let gained = 0
  for (let seed = first; seed < first + seeds; seed++) {
    const adversary = new Adversary(seed)
    try {
      adversary.run()
    } catch (error) {
      throw new Error(`SEED=${seed} node --test test/grants/model.test.ts`, { cause: error })
    }
    gained += adversary.gained
  }
  assert.ok(gained > seeds * 12, 'keys were gained again and again')
})

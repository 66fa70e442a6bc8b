/** A longer run: `node test/grants/run.ts --seeds=N`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Adversary } from './adversary.ts'

const SEEDS = 6

test('no two nodes act for a key, terms never fall, and after faults every key has its actor', () => {
  let gained = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const adversary = new Adversary(seed)
    try {
      adversary.run()
    } catch (error) {
      throw new Error(`replay: node test/grants/run.ts --seeds=1 --from=${seed}`, { cause: error })
    }
    gained += adversary.counts.gained
  }
  assert.ok(gained > SEEDS * 12, 'keys were gained again and again')
})

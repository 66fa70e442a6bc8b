/** The second connection, under 20 % loss: with it nobody is called dead, without it somebody is, under each of these seeds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrokenCopy } from './broken-copy.ts'
import { playLossyStall } from './lossy-stall.ts'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]
const SEED_MS_MAX = 120_000

test('with a second connection nobody is called dead under 20 % loss, however long the first ones are silent', () => {
  for (const seed of SEEDS) {
    const { violation, counts } = playLossyStall(seed)
    assert.equal(violation, undefined, `seed ${seed}: ${violation?.invariant}: ${violation?.detail}`)
    assert.ok((counts['loss'] ?? 0) >= 1 && (counts['stall-all'] ?? 0) >= 2, JSON.stringify(counts))
  }
})

test('without it the same seeds report "no false death"', t => {
  const copy = new BrokenCopy('no-second-connection.patch')
  t.after(() => copy.remove())
  for (const seed of SEEDS) {
    const ran = copy.run('test/simulation/lossy-stall.ts', { SEED: String(seed) }, SEED_MS_MAX)
    assert.equal(ran.status, 1, `${ran.stdout}${ran.stderr}`)
    assert.ok(ran.stderr.startsWith(`seed ${seed}: "no false death" does not hold`), ran.stderr.slice(0, 500))
  }
})

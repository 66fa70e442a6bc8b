/** Is the adversary able to find anything? Each mutant is found by its world, which the unbroken room passes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Adversary } from './adversary.ts'
import { MutantCopy } from './mutant-copy.ts'
import { MUTANTS } from './mutants.ts'

/** A world takes half a second; this is for a machine that does much else. */
const WORLD_MS_MAX = 60_000

for (const mutant of MUTANTS) {
  const { name, seed, finds } = mutant
  test(`if ${name}, seed ${seed} finds "${finds}"`, t => {
    const copy = new MutantCopy(mutant)
    t.after(() => copy.remove())
    const found = copy.find(seed, 1, WORLD_MS_MAX)
    assert.ok(
      found !== undefined,
      `not found: node test/grants/mutant-run.ts '${name}' looks for another seed`,
    )
    assert.ok(found.words.includes(finds), found.words)
    new Adversary(seed).storm()
  })
}

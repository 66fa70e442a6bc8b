/** `node test/grants/mutant-run.ts [NAME]`: the first world, of 1,000, that finds this mutant, or each of them. */
import { argv, exit } from 'node:process'
import { MutantCopy } from './mutant-copy.ts'
import { MUTANTS } from './mutants.ts'

const SEEDS = 1_000
const SEARCH_MS_MAX = 40_000

let missed = 0
for (const mutant of MUTANTS.filter(({ name }) => argv[2] === undefined || name.includes(argv[2]))) {
  const copy = new MutantCopy(mutant)
  const found = copy.find(1, SEEDS, SEARCH_MS_MAX)
  copy.remove()
  if (found === undefined) missed++
  const told = found === undefined ? 'not found' : `seed ${found.seed}: ${found.words.split('\n', 1)[0]}`
  console.log(`${mutant.name}: ${told}`)
}
exit(missed === 0 ? 0 : 1)

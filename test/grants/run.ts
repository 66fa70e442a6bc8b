/**
 * `node test/grants/run.ts --seeds=N --from=M [--storm]`: so many worlds of the adversary, from seed M (1) on. Says what
 * came about in them (with `--storm` only in their faults, not in the peace that follows), and ends with 1 and the seed's
 * story when an invariant does not hold.
 */
import { argv, exit } from 'node:process'
import { parseArgs } from 'node:util'
import { Adversary } from './adversary.ts'

const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    storm: { type: 'boolean', default: false },
  },
})
const [from, seeds] = [Number(values.from), Number(values.seeds)]
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(seeds) || seeds < 1) {
  console.error('usage: node test/grants/run.ts [--seeds=N] [--from=M]')
  exit(2)
}

const counts: Record<string, number> = {}
const begunAt = performance.now()
for (let seed = from; seed < from + seeds; seed++) {
  const adversary = new Adversary(seed)
  try {
    if (values.storm) adversary.storm()
    else adversary.run()
  } catch (error) {
    console.error(
      `seed ${seed}: ${(error as Error).message}\nreplay: node test/grants/run.ts --seeds=1 --from=${seed}`,
    )
    exit(1)
  }
  for (const [name, count] of Object.entries(adversary.counts)) counts[name] = (counts[name] ?? 0) + count
}
console.log(
  `${seeds} seeds from ${from}, 0 violations, ${((performance.now() - begunAt) / 1_000).toFixed(1)} s`,
  counts,
)

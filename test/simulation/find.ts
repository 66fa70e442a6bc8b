/**
 * Looks for a seed that finds a breakage and that the unbroken core passes, and writes both into `breakages.json`. Of
 * those found in a batch of seeds the cheapest is taken: few nodes, and early in the run.
 *
 *   node test/simulation/find.ts PATCH...    these patches of `breakages/`
 *   node test/simulation/find.ts --stale     those that are not listed, or whose seed no longer finds them
 *
 *   FROM     first seed tried (default 1)
 *   SEEDS    how many are tried (default 400)
 *   WORKERS  threads (default 1)
 *   PROFILE, MODE, NODES, SECONDS, EXTRAS   of the runs (default: as the seed says)
 *   WANT     only this invariant will do
 *   BREAKS   what the patch breaks, in words, for one that is not in the list yet
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { argv, env, exit } from 'node:process'
import { fileURLToPath } from 'node:url'
import { BrokenCopy, PATCHES } from './broken-copy.ts'
import { runSeed } from './seed-run.ts'
import { EXTRAS, MODES, PROFILES, type Shape } from './shape.ts'

const LIST = fileURLToPath(new URL('breakages.json', import.meta.url))
const SEEDS = Number(env['SEEDS'] ?? 400)
/** So many seeds are tried at once, and of these no more once so many were found. */
const BATCH = 50
const FOUND_MAX = 6
const BATCH_MS_MAX = 600_000

type Listed = Omit<Shape, 'extras'> & Partial<Pick<Shape, 'extras'>>

interface Breakage extends Listed {
  readonly patch: string
  readonly breaks: string
  readonly invariant: string
}

interface Found {
  readonly shape: Shape
  readonly invariant: string
  /** Virtual seconds until then. */
  readonly at: number
}

/** Those that are older than the extras had none. */
const settingsOf = ({
  extras = 'none',
  seed,
  profile,
  mode,
  nodes,
  seconds,
}: Listed): Record<string, string> => ({
  SEED: String(seed),
  PROFILE: profile,
  MODE: mode,
  NODES: String(nodes),
  SECONDS: String(seconds),
  EXTRAS: extras,
})

/** The violations told on standard error, as `run.ts` tells them. */
function parseViolations(stderr: string): Found[] {
  const told =
    /seed \d+: "([^"]+)" does not hold at ([\d.]+) s[\s\S]*?replay: SEED=(\d+) PROFILE=(\w+) MODE=(\w+) NODES=(\d+) SECONDS=(\d+) EXTRAS=(\w+)/g
  return [...stderr.matchAll(told)].flatMap(([, invariant = '', at, seed, profile, mode, ...rest]) => {
    const [nodes, seconds, extras] = rest
    const knownExtras = EXTRAS.find(name => name === extras)
    const knownProfile = PROFILES.find(name => name === profile)
    const knownMode = MODES.find(name => name === mode)
    if (knownProfile === undefined || knownMode === undefined || knownExtras === undefined) return []
    const shape = { seed: Number(seed), profile: knownProfile, mode: knownMode }
    const sized = { ...shape, nodes: Number(nodes), seconds: Number(seconds), extras: knownExtras }
    return [{ shape: sized, invariant, at: Number(at) }]
  })
}

/** Frames grow with the square of the nodes. */
const costOf = ({ shape, at }: Found): number => shape.nodes ** 2 * at

/** The first seed that finds the patch and that the core itself passes. */
function find(patch: string): Found | undefined {
  const copy = new BrokenCopy(patch)
  const first = Number(env['FROM'] ?? 1)
  try {
    for (let from = first; from < first + SEEDS; from += BATCH) {
      const given = { FROM: String(from), SEEDS: String(BATCH), KEEP: String(FOUND_MAX) }
      const settings = { ...given, WORKERS: env['WORKERS'] ?? '1', SEED: '', SHARD: '', SUM: '' }
      const ran = copy.simulate(settings, BATCH_MS_MAX)
      if (!/seeds\/s, [\d.]+ s$/.test(ran.stdout.trim())) throw new Error(`it did not run: ${ran.stderr}`)
      const violations = parseViolations(ran.stderr).sort((a, b) => costOf(a) - costOf(b))
      console.log(`${patch}: seeds ${from} to ${from + BATCH - 1}, ${violations.length} violations`)
      const good = violations.find(found => isGood(found))
      if (good !== undefined) return good
    }
    return undefined
  } finally {
    copy.remove()
  }
}

function isGood({ shape, invariant }: Found): boolean {
  const wanted = env['WANT'] ?? invariant
  return invariant === wanted && runSeed(shape).violation === undefined
}

function isStale({ patch, invariant, ...shape }: Breakage): boolean {
  const copy = new BrokenCopy(patch)
  const ran = copy.simulate(settingsOf(shape), BATCH_MS_MAX)
  copy.remove()
  return (
    !ran.stderr.includes(`"${invariant}" does not hold`) ||
    runSeed({ ...shape, extras: shape.extras ?? 'none' }).violation !== undefined
  )
}

function write(list: readonly Breakage[]): void {
  writeFileSync(LIST, `${JSON.stringify(list, null, 2)}\n`)
}

let list = JSON.parse(readFileSync(LIST, 'utf8')) as Breakage[]
const patches = argv.includes('--stale')
  ? readdirSync(PATCHES).filter(patch => !list.some(each => each.patch === patch && !isStale(each)))
  : argv.slice(2).filter(word => !word.startsWith('-'))
let missed = 0
for (const patch of patches) {
  const known = list.find(each => each.patch === patch)
  const found = find(patch)
  if (found === undefined) {
    console.error(`${patch}: no seed found; has an invariant gone blind?`)
    missed++
    continue
  }
  const breaks = known?.breaks ?? env['BREAKS'] ?? patch.replace('.patch', '').replaceAll('-', ' ')
  const entry = { patch, breaks, invariant: found.invariant, ...found.shape }
  list = known === undefined ? [...list, entry] : list.map(each => (each === known ? entry : each))
  write(list)
  console.log(`${patch}: seed ${found.shape.seed} reports "${found.invariant}"`)
}
exit(missed === 0 ? 0 : 1)

/**
 * Is the simulator able to find anything? Each patch here breaks the core on purpose; the seed beside it must find that,
 * under the name of the invariant that the breakage hurts, and the unbroken core must pass the same seed.
 *
 * A change of the core moves what happens under a seed. When a seed no longer finds its breakage,
 * `node test/simulation/find.ts PATCH` looks for one that does; when none does, an invariant has gone blind.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import breakages from './breakages.json' with { type: 'json' }
import { BrokenCopy, PATCHES } from './broken-copy.ts'
import { INVARIANTS } from './findings.ts'
import { tellViolation } from './report.ts'
import { runSeed } from './seed-run.ts'
import { EXTRAS, MODES, PROFILES, type Shape } from './shape.ts'

/** A seed takes a tenth of a second; this is for a machine that does much else. */
const SEED_MS_MAX = 120_000

/** What has to be found, whatever else is: none of these may go. */
const NAMED = [
  // The right to act.
  'promise-as-short-as-lease',
  'lease-from-receipt',
  'no-boot-silence',
  'exceptions-ignored',
  'later-requests-forgotten',
  'no-sequence-check',
  // Membership.
  'no-hold',
  'no-second-connection',
  'ripe-before-queued-frames',
  'new-observers-count',
  'stale-incarnation',
  'eviction-without-lease',
  // Tasks and their disks.
  'reply-before-disk',
  'takeover-unheard',
  'completion-without-token',
  'unknown-is-over',
  'record-left-at-boot',
]

interface Breakage {
  readonly patch: string
  readonly breaks: string
  readonly invariant: string
  readonly seed: number
  readonly profile: string
  readonly mode: string
  readonly nodes: number
  readonly seconds: number
  readonly extras?: string
}

function shapeOfBreakage({ seed, profile, mode, nodes, seconds, extras = 'none' }: Breakage): Shape {
  const knownProfile = PROFILES.find(name => name === profile)
  const knownMode = MODES.find(name => name === mode)
  assert.ok(knownProfile !== undefined && knownMode !== undefined, `${profile}, ${mode}`)
  const knownExtras = EXTRAS.find(name => name === extras)
  assert.ok(knownExtras !== undefined, extras)
  return { seed, profile: knownProfile, mode: knownMode, nodes, seconds, extras: knownExtras }
}

test('every breakage has its patch, and every patch its seed', () => {
  const patches = new Set(breakages.map(({ patch }) => patch))
  for (const name of NAMED) assert.ok(patches.has(`${name}.patch`), `${name} is tried`)
  // A dozen of the right to act and of membership, and eight of tasks and their disks.
  assert.ok(patches.size >= 20)
  assert.deepEqual(breakages.map(({ patch }) => patch).sort(), readdirSync(PATCHES).sort())
  for (const { invariant } of breakages) assert.ok(invariant in INVARIANTS, invariant)
})

for (const breakage of breakages as readonly Breakage[]) {
  const { patch, breaks, invariant, seed, profile } = breakage
  test(`${breaks}: seed ${seed} reports "${invariant}"`, t => {
    const copy = new BrokenCopy(patch)
    t.after(() => copy.remove())
    const { seed: _, ...given } = shapeOfBreakage(breakage)
    const settings = Object.entries(given).map(([name, value]) => [name.toUpperCase(), String(value)])
    const ran = copy.simulate({ SEED: String(seed), ...Object.fromEntries(settings) }, SEED_MS_MAX)
    assert.equal(ran.status, 1, `${ran.stdout}${ran.stderr}`)
    assert.ok(ran.stderr.startsWith(`seed ${seed}: "${invariant}" does not hold`), ran.stderr.slice(0, 500))
    assert.match(ran.stderr, new RegExp(`replay: SEED=${seed} PROFILE=${profile}`))
  })

  test(`the unbroken core passes seed ${seed} (${profile})`, () => {
    const result = runSeed(shapeOfBreakage(breakage))
    assert.equal(result.violation, undefined, tellViolation(result))
  })
}

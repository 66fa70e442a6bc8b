/**
 * Is the simulator able to find anything? Each patch here breaks the core on purpose; the seed beside it must find that,
 * under the name of the invariant that the breakage hurts, and the unbroken core must pass the same seed.
 *
 * A change of the core moves what happens under a seed. When a seed no longer finds its breakage, apply the patch, run
 * `SEEDS=100 PROFILE=... npm run simulate` and take a seed that does; when none does, an invariant has gone blind.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { env, execPath } from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import breakages from './breakages.json' with { type: 'json' }
import { INVARIANTS } from './invariants.ts'
import { PROFILES } from './schedule.ts'
import { runSeed, tellViolation } from './seed-run.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PATCHES = fileURLToPath(new URL('breakages/', import.meta.url))
/** A seed takes a tenth of a second; this is for a machine that does much else. */
const SEED_MS_MAX = 120_000

/** The core and the simulator in a directory of their own, with the patch applied. */
function brokenCopy(patch: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'roundtable-breakage-'))
  for (const part of ['src', 'test/simulation', 'package.json']) {
    cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  // Outside of any repository `git apply` is a plain patch tool.
  const applied = spawnSync('git', ['apply', join(PATCHES, patch)], {
    cwd: copy,
    env: { ...env, GIT_CEILING_DIRECTORIES: dirname(copy) },
    encoding: 'utf8',
  })
  assert.equal(applied.status, 0, `${patch} no longer fits the core, renew it: ${applied.stderr}`)
  return copy
}

test('every breakage has its patch, and every patch its seed', () => {
  assert.ok(breakages.length >= 3)
  assert.deepEqual(breakages.map(({ patch }) => patch).sort(), readdirSync(PATCHES).sort())
  for (const { invariant } of breakages) assert.ok(invariant in INVARIANTS, invariant)
})

for (const { patch, breaks, invariant, seed, profile, nodes, seconds } of breakages) {
  test(`${breaks}: seed ${seed} reports "${invariant}"`, t => {
    const copy = brokenCopy(patch)
    t.after(() => rmSync(copy, { recursive: true, force: true }))
    const ran = spawnSync(execPath, ['test/simulation/run.ts'], {
      cwd: copy,
      env: {
        ...env,
        SEED: String(seed),
        SEEDS: '1',
        PROFILE: profile,
        NODES: String(nodes),
        SECONDS: String(seconds),
      },
      encoding: 'utf8',
      timeout: SEED_MS_MAX,
    })
    assert.equal(ran.status, 1, `${ran.stdout}${ran.stderr}`)
    assert.ok(ran.stderr.startsWith(`seed ${seed}: "${invariant}" does not hold`), ran.stderr.slice(0, 500))
    assert.match(ran.stderr, new RegExp(`replay: SEED=${seed} PROFILE=${profile}`))
  })

  test(`the unbroken core passes seed ${seed} (${profile})`, () => {
    const known = PROFILES.find(name => name === profile)
    assert.ok(known !== undefined, `a profile ${profile}`)
    const options = { seed, profile: known, nodes, seconds }
    const result = runSeed(options)
    assert.equal(result.violation, undefined, tellViolation(result, options))
  })
}

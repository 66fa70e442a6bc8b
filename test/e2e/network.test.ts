/**
 * Real daemons on hosts of their own: network namespaces with a switch between them, and faults in that switch. The
 * testbed makes the hosts, breaks the network and measures; here its figures are held to what the README promises.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const testbed = fileURLToPath(new URL('../testbed/', import.meta.url))
const HOSTS = 4
/** Two verdicts at most, a heal, and the start of four daemons on a busy machine. */
const SECONDS_MAX = 120

type Metrics = Readonly<Record<string, readonly (number | null)[]>>

/** Why there are no namespaces here; undefined when there are. */
function cannot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  if (spawnSync('ip', ['netns', 'list']).status !== 0) return 'needs namespaces and iproute2'
  return spawnSync('nft', ['--version']).status === 0 ? undefined : 'needs nftables for faults in namespaces'
}

function measure(only: string, directory: string): Metrics {
  const out = join(directory, 'result.json')
  const args = [
    join(testbed, 'cluster-bench.mjs'),
    `--driver=${join(testbed, 'drivers/roundtable.mjs')}`,
    `--n=${HOSTS}`,
    '--net=ns',
    '--repeats=1',
    '--timeout=20',
    `--only=${only}`,
    `--logs=${join(directory, 'logs')}`,
    `--out=${out}`,
  ]
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: SECONDS_MAX * 1_000 })
  assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}`)
  return (JSON.parse(readFileSync(out, 'utf8')) as { metrics: Metrics }).metrics
}

function only(metrics: Metrics, start: string): number {
  const found = Object.entries(metrics).filter(([name]) => name.startsWith(start))
  assert.equal(found.length, 1, `one metric begins with "${start}": ${Object.keys(metrics).join('; ')}`)
  return found[0]?.[1][0] ?? Number.POSITIVE_INFINITY
}

test('a host whose network goes dark is found dead by the others, and is a member again after it', t => {
  const why = cannot()
  if (why !== undefined) return t.skip(why)
  const directory = mkdtempSync(join(tmpdir(), 'network-test-'))
  t.after(() => {
    spawnSync('sh', [join(testbed, 'netns-down.sh')])
    rmSync(directory, { recursive: true, force: true })
  })
  const up = spawnSync('sh', [join(testbed, 'netns-up.sh'), String(HOSTS)], { encoding: 'utf8' })
  assert.equal(up.status, 0, up.stderr)
  const metrics = measure('blackhole', directory)
  assert.ok(only(metrics, 'blackhole of one host: EVERY other marks it failed') < 5)
  assert.ok(only(metrics, 'heal of the blackhole') < 15)
})

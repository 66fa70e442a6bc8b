/**
 * Real daemons under real faults, on eight hosts of their own: one line per claim, what was seen and whether it holds.
 *
 *   node test/faults/run.ts [--only=handoff,blackhole,partition,halves,link,oneway,loss,delay,frozen,blocked,one-core,
 *        freeze-daemon,freeze-tree,serf] [--repeats=2] [--json] [--out=FILE] [--keep]
 *
 * --keep leaves the logs of the daemons and the ledgers where they are, and says where.
 *
 * A trial that is over a limit by no more than this machine itself stood still is played again (`machine.ts`), and that
 * stands among the lines; false deaths and stale tokens that were accepted count in each. So is a scenario in which two
 * acted at one moment for no longer than it stood still: what counts has none.
 *
 * Needs root, iproute2, nftables, iptables and python3 (delay); `serf` for the rows beside ours. Takes about 15 minutes
 * with one repeat of each. Exit 1 when a claim does not hold, 2 when it cannot run here.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { playedClear } from './acting.ts'
import { blackhole, halves, link, oneway, partition } from './cuts.ts'
import { frozenDaemon, frozenTree } from './freeze.ts'
import { handoff } from './handoff.ts'
import { hostsMissing } from './hosts.ts'
import { Report } from './report.ts'
import { type FleetAlone, openFleet, removeAll, Scene } from './scene.ts'
import { besideSerf } from './serf.ts'
import { monotonicMs } from './started.ts'
import { blocked, frozen, oneCore } from './starvation.ts'
import { delay, loss } from './weather.ts'

const HOSTS = 8
const KEYS = 32
const COMMANDS = 16

/** Applications that ask so rarely use a right to its end, and lose it now and then without need. */
const RARELY_MS = 1_500

/** Pairs of actors told of one by one. */
const SHOWN_MAX = 10

type Play = (scene: Scene, report: Report, repeats: number) => Promise<void>
type Starve = (place: FleetAlone, report: Report, repeats: number) => Promise<void>

/** On a network with actors: whoever acts is judged after each. */
const ACTED: Readonly<Record<string, Play>> = {
  blackhole,
  partition,
  halves,
  link,
  oneway,
  loss: (scene, report) => loss(scene, report, true),
  delay: (scene, report) => delay(scene, report, true),
  'freeze-daemon': frozenDaemon,
  'freeze-tree': frozenTree,
}

/** What of a node is frozen in these. */
const FROZEN: Readonly<Record<string, 'daemon' | 'tree'>> = {
  'freeze-daemon': 'daemon',
  'freeze-tree': 'tree',
}

/** On daemons alone. */
const STARVED: Readonly<Record<string, Starve>> = { frozen, blocked, 'one-core': oneCore }

const NAMES = [...Object.keys(ACTED), 'handoff', ...Object.keys(STARVED), 'serf']

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: NAMES.join() },
    repeats: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})

const wanted = values.only.split(',').filter(Boolean)
const repeats = Number(values.repeats)
// Standard output is for the result: with --json nothing else goes there.
const report = new Report(values.json ? console.error : console.log)

/** Plays those that are wanted; one that breaks off ends its place, and the next gets a new one. */
async function playAll<P extends { close(): Promise<void> }>(
  scenarios: Readonly<Record<string, (place: P, report: Report, repeats: number) => Promise<void>>>,
  open: () => Promise<P>,
): Promise<void> {
  let place: P | undefined
  for (const [name, play] of Object.entries(scenarios)) {
    if (!wanted.includes(name)) continue
    report.begin(name)
    try {
      place ??= await open()
      await play(place, report, repeats)
    } catch (error) {
      report.broken(error)
      clear()
      place = undefined
    }
  }
  await place?.close()
}

/** No two may have acted for a key at one moment, nor a stale token have been accepted, whatever was done to them. */
const judged =
  (name: string, play: Play): Play =>
  async (scene, to, times) => {
    let since = monotonicMs()
    const { found } = await playedClear(async () => {
      since = monotonicMs()
      await play(scene, to, times)
      const pauses = await scene.machine.since(since)
      return { signs: scene.collector.signs, pauses, since, frozen: FROZEN[name] }
    }, to)
    for (const { key, first, second, from, to: end } of found.slice(0, SHOWN_MAX)) {
      to.say(
        `${key}: ${first.node} and ${second.node} for ${(end - from).toFixed(0)} ms at ${(from - since).toFixed(0)}`,
      )
    }
  }

function clear(): void {
  const kept = removeAll(values.keep)
  if (kept !== undefined) console.error(`logs and ledgers: ${kept}`)
}

async function main(): Promise<number> {
  const missing = hostsMissing()
  const unknown = wanted.filter(name => !NAMES.includes(name))
  if (missing !== undefined || unknown.length > 0 || !(repeats >= 1)) {
    console.error(
      missing ?? `no scenario ${unknown.join(', ')}, or --repeats below 1; scenarios: ${NAMES.join(', ')}`,
    )
    return 2
  }
  const acted = Object.entries(ACTED).map(([name, play]) => [name, judged(name, play)] as const)
  await playAll(Object.fromEntries(acted), () => Scene.open({ hosts: HOSTS, keys: KEYS, commands: COMMANDS }))
  const rarely = { hosts: HOSTS, keys: KEYS, commands: 0, askMs: RARELY_MS }
  await playAll({ handoff: judged('handoff', handoff) }, () => Scene.open(rarely))
  await playAll(STARVED, () => openFleet('roundtable', HOSTS, { inspect: true }))
  await playAll({ serf: besideSerf }, () => openFleet('serf', HOSTS))
  finish()
  return report.failed.length > 0 ? 1 : 0
}

function finish(): void {
  const machine = { cpus: cpus().length, load: loadavg().map(load => Number(load.toFixed(1))) }
  const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' })
  const commit = stdout.trim() || 'no repository'
  const result = {
    bench: 'faults',
    what: `${HOSTS} real daemons, each on a host of its own (network namespaces), quorum mode, ${KEYS} keys and ${COMMANDS} commands`,
    options: values,
    date: new Date().toISOString(),
    commit,
    ...machine,
    lines: report.lines,
  }
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 1)}\n`)
  if (values.json) console.log(JSON.stringify(result))
  const claims = report.lines.filter(({ holds }) => holds !== undefined).length
  report.begin(
    `${claims} claims, ${report.failed.length} of them fail; ${machine.cpus} cores, load ${machine.load.join(' ')}`,
  )
}

process.on('exit', clear)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
process.exit(await main())

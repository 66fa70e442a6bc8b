/**
 * `npm run proof`: every claim that a machine can check, one after the other, with the commit, the machine and raw samples.
 *
 *   npm run proof                     all sections (many hours on two cores; each says how long it took)
 *   npm run proof -- main-job chaos   some of them
 *   SEEDS=200 npm run proof -- simulation; also ADVERSARY, LEDGER, TAKEOVER, QUEUED and REPEATS
 *
 * At the end stands what had to be shown (`must-show.ts`), and what of it was. Writes `.roundtable/proof.json`. Exit code 1 when a claim does not hold; what cannot run here is listed as unproven.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { listed, type Shown } from './line.ts'
import { MUST_SHOW, verdictOf } from './must-show.ts'
import { SECTIONS } from './sections.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

const asked = process.argv.slice(2)
const unknown = asked.filter(name => !SECTIONS.some(section => section.name === name))
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(', ')}; there are ${SECTIONS.map(section => section.name).join(', ')}`,
  )
  process.exit(2)
}

const about = {
  commit: git('rev-parse', 'HEAD'),
  changed: git('status', '--porcelain') !== '',
  date: new Date().toISOString(),
  node: process.version,
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  load: loadavg()[0],
}
console.log(`proof of ${about.commit}${about.changed ? ' with uncommitted changes' : ''}`)
console.log(
  `${about.date}, Node.js ${about.node}, ${about.cores} cores, ${about.memoryGiB} GiB, load ${about.load?.toFixed(2)}`,
)

const mark = (holds: boolean | undefined): string =>
  holds === undefined ? '     ' : holds ? 'holds' : 'FAILS'
/** What has to run with every change is to end within so long; what takes longer runs when somebody asks for it. */
const CI_MINUTES = 19

/** `12 min 5 s`. */
const lasting = (seconds: number): string =>
  seconds < 60 ? `${seconds.toFixed(0)} s` : `${Math.floor(seconds / 60)} min ${(seconds % 60).toFixed(0)} s`

interface Result {
  readonly section: string
  readonly unproven?: string
  readonly seconds: number
  readonly shown: readonly Shown[]
  readonly raw: unknown
}

const results: Result[] = []
for (const section of SECTIONS.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  console.log(`\n# ${section.name}`)
  const cannot = section.cannot()
  if (cannot !== undefined) {
    console.log(`unproven here: ${cannot}`)
    results.push({ section: section.name, unproven: cannot, seconds: 0, shown: [], raw: undefined })
    continue
  }
  const begunAt = performance.now()
  const { shown, raw } = await section.run()
  const seconds = (performance.now() - begunAt) / 1_000
  for (const line of shown) {
    console.log(`${mark(line.holds)}  ${line.claim}: ${line.figure}`)
    if (line.samples?.length) console.log(`         samples: ${listed(line.samples)}`)
  }
  const over = seconds > CI_MINUTES * 60 ? `, more than the ${CI_MINUTES} minutes of a CI` : ''
  console.log(`       took ${lasting(seconds)}${over}`)
  results.push({ section: section.name, seconds, shown, raw })
}

const known = SECTIONS.map(({ name }) => name)
const lines = MUST_SHOW.map(each => ({ ...each, verdict: verdictOf(each, results, known) }))
mkdirSync(`${root}.roundtable`, { recursive: true })
writeFileSync(`${root}.roundtable/proof.json`, `${JSON.stringify({ ...about, lines, results }, null, 1)}\n`)
const failed = results.flatMap(({ section, shown }) =>
  shown.filter(line => line.holds === false).map(line => `${section}: ${line.claim}: ${line.figure}`),
)
console.log('\n# what has to be shown')
const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name)
for (const { line, verdict, sections } of lines.filter(each => each.sections.some(isAsked)))
  console.log(`${verdict.padEnd(8)}  ${line} (${sections.join(', ')})`)
const unproven = results.filter(result => result.unproven !== undefined)
console.log(
  `\n${results.flatMap(r => r.shown).filter(l => l.holds).length} hold, ${failed.length} fail, ${unproven.length} sections unproven here`,
)
for (const line of failed) console.log(`FAILS  ${line}`)
if (failed.length > 0) process.exitCode = 1

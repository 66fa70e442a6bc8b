/**
 * `npm run proof`: every claim that a machine can check, one after the other, with the commit, the machine and raw samples.
 *
 *   npm run proof                     all sections (many hours on two cores; each says how long it took)
 *   npm run proof -- main-job chaos   some of them
 *   SEEDS=200 npm run proof -- simulation; also ADVERSARY, LEDGER, TAKEOVER, QUEUED and REPEATS
 *
 * At the end stands what had to be shown (`must-show.ts`), and what of it was. Writes `.roundtable/proof.json` after each section,
 * and keeps in it what earlier sittings on the same files came to (the README may differ). Exit code 0 only when every line that a section asked for
 * belongs to holds: 1 when one fails, in this sitting or one before, or is unproven, as one is that cannot run here.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { failedLines } from './failed-lines.ts'
import { filesHash, keptResults, type Result, textOf } from './kept.ts'
import { exitCodeOf, linesOf, MUST_SHOW, verdictOf } from './must-show.ts'
import { runSection } from './run-section.ts'
import { SECTIONS } from './sections.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const FILE = `${root}.roundtable/proof.json`
const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

const known = SECTIONS.map(({ name }) => name)
const asked = process.argv.slice(2)
const unknown = asked.filter(name => !known.includes(name))
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are ${known.join(', ')}`)
  process.exit(2)
}

const about = {
  commit: git('rev-parse', 'HEAD'),
  files: filesHash(git('ls-tree', '-r', 'HEAD')),
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

const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name)
const wanted = SECTIONS.filter(({ name }) => isAsked(name))
const kept = keptResults(
  textOf(FILE),
  about,
  wanted.map(({ name }) => name),
)
const results: Result[] = []
mkdirSync(`${root}.roundtable`, { recursive: true })

/** After each section: what was shown stands, whatever befalls the next one. */
function write(): void {
  const all = [...kept, ...results]
  const lines = MUST_SHOW.map(each => ({ ...each, verdict: verdictOf(each, all, known) }))
  writeFileSync(FILE, `${JSON.stringify({ ...about, lines, results: all }, null, 1)}\n`)
}
for (const section of wanted) {
  results.push(await runSection(section))
  write()
}

const failed = results.flatMap(({ section, shown }) => failedLines(section, shown))
console.log('\n# what has to be shown')
const ofAll = [...kept, ...results]
for (const each of linesOf(asked))
  console.log(`${verdictOf(each, ofAll, known).padEnd(8)}  ${each.line} (${each.sections.join(', ')})`)
if (kept.length > 0)
  console.log(
    `with what earlier sittings on these files came to: ${kept.map(({ section, date }) => `${section} (${date})`).join(', ')}`,
  )
const unproven = results.filter(result => result.unproven !== undefined)
console.log(
  `\n${results.flatMap(r => r.shown).filter(l => l.holds).length} hold, ${failed.length} fail, ${unproven.length} sections unproven here`,
)
for (const line of failed) console.log(`FAILS  ${line}`)
process.exitCode = exitCodeOf(asked, ofAll, known)

/**
 * `npm run proof`: every claim that a machine can check, one after the other, with the commit, the machine and raw samples.
 *
 *   npm run proof                     all sections (some 20 minutes on two cores)
 *   npm run proof -- main-job chaos   some of them
 *   SEEDS=200 npm run proof -- simulation
 *
 * Writes `.roundtable/proof.json`. Exit code 1 when a claim does not hold; what cannot run here is listed as unproven.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { listed, type Shown } from './line.ts'
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
const results: { section: string; unproven?: string; shown: readonly Shown[]; raw: unknown }[] = []
for (const section of SECTIONS.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  console.log(`\n# ${section.name}`)
  const cannot = section.cannot()
  if (cannot !== undefined) {
    console.log(`unproven here: ${cannot}`)
    results.push({ section: section.name, unproven: cannot, shown: [], raw: undefined })
    continue
  }
  const { shown, raw } = await section.run()
  for (const line of shown) {
    console.log(`${mark(line.holds)}  ${line.claim}: ${line.figure}`)
    if (line.samples?.length) console.log(`         samples: ${listed(line.samples)}`)
  }
  results.push({ section: section.name, shown, raw })
}

mkdirSync(`${root}.roundtable`, { recursive: true })
writeFileSync(`${root}.roundtable/proof.json`, `${JSON.stringify({ ...about, results }, null, 1)}\n`)
const failed = results.flatMap(({ section, shown }) =>
  shown.filter(line => line.holds === false).map(line => `${section}: ${line.claim}: ${line.figure}`),
)
const unproven = results.filter(result => result.unproven !== undefined)
console.log(
  `\n${results.flatMap(r => r.shown).filter(l => l.holds).length} hold, ${failed.length} fail, ${unproven.length} sections unproven here`,
)
for (const line of failed) console.log(`FAILS  ${line}`)
if (failed.length > 0) process.exitCode = 1

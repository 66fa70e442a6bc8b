/** Runs one section, prints its lines, and tells what it came to: one that breaks off does not hold, and the next one is run. */
import { loadavg } from 'node:os'
import type { Result } from './kept.ts'
import { fact, listed, type Section, type Shown } from './line.ts'

/** What has to run with every change is to end within so long; what takes longer runs when somebody asks for it. */
const CI_MINUTES = 19

const mark = (holds: boolean | undefined): string =>
  holds === undefined ? '     ' : holds ? 'holds' : 'FAILS'

export async function runSection(section: Section): Promise<Result> {
  const [load = 0] = loadavg()
  const begun = { section: section.name, date: new Date().toISOString(), load }
  console.log(`\n# ${section.name} (${begun.date}, load ${load.toFixed(2)})`)
  const cannot = section.cannot()
  if (cannot !== undefined) {
    console.log(`unproven here: ${cannot}`)
    return { ...begun, unproven: cannot, seconds: 0, shown: [], raw: undefined }
  }
  const begunAt = performance.now()
  const { shown, raw } = await section.run().catch(brokenOff)
  const seconds = (performance.now() - begunAt) / 1_000
  for (const line of shown) print(line)
  const over = seconds > CI_MINUTES * 60 ? `, more than the ${CI_MINUTES} minutes of a CI` : ''
  if (section.short !== undefined) console.log(`       run with ${section.short} only: it shows nothing`)
  console.log(`       took ${lasting(seconds)}${over}`)
  const unproven = section.short === undefined ? {} : { unproven: `run with ${section.short} only` }
  return { ...begun, ...unproven, seconds, shown, raw }
}

/** What it could not be run to its end for is itself what does not hold. */
function brokenOff(error: unknown): { readonly shown: readonly Shown[]; readonly raw: unknown } {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  console.error(`    ${text}`)
  const [first = ''] = text.split('\n')
  return { shown: [fact('the section is run to its end', false, first)], raw: text }
}

function print({ holds, claim, figure, samples }: Shown): void {
  console.log(`${mark(holds)}  ${claim}: ${figure}`)
  if (samples?.length) console.log(`         samples: ${listed(samples)}`)
}

/** `12 min 5 s`. */
const lasting = (seconds: number): string =>
  seconds < 60 ? `${seconds.toFixed(0)} s` : `${Math.floor(seconds / 60)} min ${(seconds % 60).toFixed(0)} s`

/** Sections whose script holds itself to its claims and says so: each line of its report is a line of the proof. */
import { fileURLToPath } from 'node:url'
import { command } from './command.ts'
import { fact, figure, type Samples, type Section, type Shown } from './line.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Options of the report, and not of what is measured. */
const BESIDE: readonly string[] = ['json', 'out', 'keep', 'quiet']

/** A line as `test/faults` reports it. */
interface FaultLine {
  readonly scenario: string
  readonly name: string
  readonly unit: string
  readonly samples: Samples
  readonly most?: number
  readonly least?: number
  readonly holds?: boolean
}

/** As `test/scale` reports it. */
interface ScaleClaim {
  readonly claim: string
  /** What it was at each size. */
  readonly seen?: string
  /** The sizes at which it does not hold. */
  readonly failing?: readonly number[]
  readonly holds: boolean
}

/** Under what it was measured: a figure without that says little. */
interface Conditions {
  readonly what?: string
  readonly options?: Readonly<Record<string, unknown>>
  readonly mode?: string
  readonly seed?: number
  readonly repeats?: number
}

export interface Report extends Conditions {
  readonly shown?: readonly Shown[]
  readonly lines?: readonly FaultLine[]
  readonly claims?: readonly ScaleClaim[]
  /** Why no more sizes were tried. */
  readonly end?: string
}

/** A script whose output is its report, as JSON. Without one, that is what does not hold. */
export function reported(
  name: string,
  args: readonly string[],
  secondsMax: number,
  cannot: Section['cannot'] = () => undefined,
): Section {
  const run = async () => {
    const ran = await command(process.execPath, args.map(pathOf), secondsMax)
    const report = parsed(ran.stdout)
    if (report === undefined) {
      const text = `exit code ${ran.code}, ${ran.stderr.trim().split('\n').at(-1) ?? ''}`
      return { shown: [fact('it ends with a report', false, text)], raw: ran }
    }
    return { shown: reportShown(report, ran.code), raw: report }
  }
  return { name, cannot, run }
}

/** What it was measured under, then each of its lines, then whether its exit code says the same. */
export function reportShown(report: Report, code: number | null): readonly Shown[] {
  const { shown = [], lines = [], claims = [], end } = report
  const all = [...shown, ...lines.map(shownOf), ...claims.map(claimShown)]
  if (end !== undefined) all.push(figure('the end', end))
  return [figure('conditions', conditionsOf(report)), ...all, agrees(all, code)]
}

/** Options that only say where the report goes, or were not given, are none. */
function conditionsOf({ what, options = {}, mode, seed, repeats }: Conditions): string {
  const given = Object.entries({ mode, seed, repeats, ...options }).filter(
    ([name, value]) => value !== undefined && !BESIDE.includes(name),
  )
  const texts = given.map(
    ([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`,
  )
  return [...(what === undefined ? [] : [what]), ...texts].join(', ') || 'not told'
}

const pathOf = (arg: string): string => (arg.endsWith('.ts') ? root + arg : arg)

/** A script that broke off has written nothing. */
function parsed(stdout: string): Report | undefined {
  const text = stdout.trim()
  return text.startsWith('{') ? (JSON.parse(text) as Report) : undefined
}

function shownOf({ scenario, name, unit, samples, most, least, holds }: FaultLine): Shown {
  const bounds = [
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
  ].join(', ')
  const known = samples.filter(sample => sample !== null)
  const never = known.length < samples.length ? ', never at least once' : ''
  const range =
    known.length === 0 ? 'never' : `${said(Math.min(...known))} to ${said(Math.max(...known))} ${unit}`
  const figure = `${range}${never}${bounds === '' ? '' : ` (${bounds})`}`
  return { claim: `${scenario}: ${name}`, holds, figure, samples }
}

function claimShown({ claim, seen, failing = [], holds }: ScaleClaim): Shown {
  return fact(claim, holds, seen ?? (holds ? 'at every size' : `not at ${failing.join(', ')}`))
}

const said = (value: number): string => String(Number(value.toFixed(3)))

/** The script's own verdict and its lines must say the same. */
function agrees(shown: readonly Shown[], code: number | null): Shown {
  const failed = shown.filter(({ holds }) => holds === false).length
  const held = shown.filter(({ holds }) => holds === true).length
  const text = `exit code ${code}, ${held} hold, ${failed} fail`
  return fact('the run ends well, and something was claimed', code === 0 && failed === 0 && held > 0, text)
}

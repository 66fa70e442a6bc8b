/** What was claimed, what was seen, and whether that holds. */

export type Samples = readonly (number | null)[]

export interface Line {
  readonly scenario: string
  readonly name: string
  readonly unit: 's' | 'ms' | 'count'
  /** In that unit; null: it never happened. */
  readonly samples: Samples
  /** No sample may be above it. Absent: seen beside the claims, and held to nothing. */
  readonly most?: number
  /** No sample may be below it. */
  readonly least?: number
  readonly holds?: boolean
}

type Bounds = Pick<Line, 'most' | 'least'>

export class Report {
  readonly lines: Line[] = []
  readonly #print: (text: string) => void
  #scenario = ''

  /** @param print is told each line as soon as it is known */
  constructor(print: (text: string) => void) {
    this.#print = print
  }

  begin(scenario: string): void {
    this.#scenario = scenario
    this.#print(`\n${scenario}`)
  }

  /** A word on the line before. */
  say(text: string): void {
    this.#print(`         ${text}`)
  }

  /** A trial is played again, and why. It stands among the lines, so that nobody has to have looked on. */
  again(text: string): void {
    this.count(text, [1])
  }

  /** Seconds, from samples in ms. */
  seconds(name: string, samplesMs: Samples, bounds: Bounds = {}): void {
    this.#add(
      name,
      's',
      samplesMs.map(ms => (ms === null ? null : ms / 1_000)),
      bounds,
    )
  }

  milliseconds(name: string, samples: Samples, bounds: Bounds = {}): void {
    this.#add(name, 'ms', samples, bounds)
  }

  count(name: string, samples: Samples, bounds: Bounds = {}): void {
    this.#add(name, 'count', samples, bounds)
  }

  /** The scenario could not be played to its end. */
  broken(error: unknown): void {
    this.#print(`  ${String(error instanceof Error ? error.stack : error)}`)
    this.#add('the scenario could not be played to its end', 'count', [1], { most: 0 })
  }

  get failed(): readonly Line[] {
    return this.lines.filter(({ holds }) => holds === false)
  }

  #add(name: string, unit: Line['unit'], samples: Samples, bounds: Bounds): void {
    const { most, least } = bounds
    const within = (sample: number | null): boolean =>
      sample !== null && sample <= (most ?? sample) && sample >= (least ?? sample)
    const claimed = most !== undefined || least !== undefined
    // What was never tried is not shown either.
    const holds = claimed ? { holds: samples.length > 0 && samples.every(within) } : {}
    const line = { scenario: this.#scenario, name, unit, samples, ...bounds, ...holds }
    this.lines.push(line)
    this.#print(`  ${textOf(line)}`)
  }
}

/** `holds  what was claimed: 1.90 2.01 s (at most 3)`. */
function textOf({ name, unit, samples, most, least, holds }: Line): string {
  const digits = { s: 2, ms: 0, count: 0 }[unit]
  const seen = samples.map(sample => (sample === null ? 'never' : sample.toFixed(digits))).join(' ')
  const bounds = [
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
  ].join(', ')
  const verdict = holds === undefined ? 'seen ' : holds ? 'holds' : 'FAILS'
  const of = unit === 'count' ? '' : ` ${unit}`
  return `${verdict}  ${name}: ${seen === '' ? 'no sample' : seen}${of}${bounds === '' ? '' : ` (${bounds})`}`
}

/** How far a time is over its limit; what never happened is infinitely so. */
export const excessMs = (ms: unknown, seconds: number): number =>
  typeof ms === 'number' ? ms - seconds * 1_000 : Number.POSITIVE_INFINITY

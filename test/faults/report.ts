/** What was claimed, what was seen, and whether that holds. */

export type Samples = readonly (number | null)[]

/** What a judge makes of a history: nothing holds of it that was not seen. */
export interface Claim {
  readonly name: string
  readonly unit: 's' | 'ms' | 'count'
  /** In that unit; null: it never happened, or nobody saw whether it did. */
  readonly samples: Samples
  /** No sample may be above it. Absent, with `least`: seen beside the claims, and held to nothing. */
  readonly most?: number
  /** No sample may be below it. */
  readonly least?: number
  /** So many samples there have to be: one that was left out is no sample that held. Default: 1. */
  readonly wanted?: number
}

export interface Line extends Claim {
  readonly scenario: string
  readonly holds?: boolean
}

type Bounds = Pick<Claim, 'most' | 'least' | 'wanted'>

/** Undefined: it is held to nothing. */
export function holdsOf({ samples, most, least, wanted = 1 }: Claim): boolean | undefined {
  if (most === undefined && least === undefined) return undefined
  const within = (sample: number | null): boolean =>
    sample !== null && sample <= (most ?? sample) && sample >= (least ?? sample)
  // What was never tried is not shown either.
  return samples.length >= Math.max(1, wanted) && samples.every(within)
}

/** A claim in seconds, from samples in ms. */
export const seconds = (name: string, samplesMs: Samples, bounds: Bounds = {}): Claim => ({
  name,
  unit: 's',
  samples: samplesMs.map(ms => (ms === null ? null : ms / 1_000)),
  ...bounds,
})

export const count = (name: string, samples: Samples, bounds: Bounds = {}): Claim => ({
  name,
  unit: 'count',
  samples,
  ...bounds,
})

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

  /** What a judge said. */
  tell(claims: readonly Claim[]): void {
    for (const claim of claims) this.#add(claim)
  }

  /** Seconds, from samples in ms. */
  seconds(name: string, samplesMs: Samples, bounds: Bounds = {}): void {
    this.#add(seconds(name, samplesMs, bounds))
  }

  milliseconds(name: string, samples: Samples, bounds: Bounds = {}): void {
    this.#add({ name, unit: 'ms', samples, ...bounds })
  }

  count(name: string, samples: Samples, bounds: Bounds = {}): void {
    this.#add(count(name, samples, bounds))
  }

  /** The scenario could not be played to its end. */
  broken(error: unknown): void {
    this.#print(`  ${String(error instanceof Error ? error.stack : error)}`)
    this.count('the scenario could not be played to its end', [1], { most: 0 })
  }

  get failed(): readonly Line[] {
    return this.lines.filter(({ holds }) => holds === false)
  }

  #add(claim: Claim): void {
    const holds = holdsOf(claim)
    const line = { scenario: this.#scenario, ...claim, ...(holds === undefined ? {} : { holds }) }
    this.lines.push(line)
    this.#print(`  ${textOf(line)}`)
  }
}

/** `holds  what was claimed: 1.90 2.01 s (at most 3)`. */
function textOf({ name, unit, samples, most, least, wanted, holds }: Line): string {
  const digits = { s: 2, ms: 0, count: 0 }[unit]
  const seen = samples.map(sample => (sample === null ? 'never' : sample.toFixed(digits))).join(' ')
  const bounds = [
    ...(least === undefined ? [] : [`at least ${least}`]),
    ...(most === undefined ? [] : [`at most ${most}`]),
    ...(samples.length < (wanted ?? 0) ? [`${samples.length} of ${wanted} samples`] : []),
  ].join(', ')
  const verdict = holds === undefined ? 'seen ' : holds ? 'holds' : 'FAILS'
  const of = unit === 'count' ? '' : ` ${unit}`
  return `${verdict}  ${name}: ${seen === '' ? 'no sample' : seen}${of}${bounds === '' ? '' : ` (${bounds})`}`
}

/** How far a time is over its limit; what never happened is infinitely so. */
export const excessMs = (ms: unknown, seconds: number): number =>
  typeof ms === 'number' ? ms - seconds * 1_000 : Number.POSITIVE_INFINITY

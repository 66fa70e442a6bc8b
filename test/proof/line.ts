/** One claim of the project that a machine can check, and what it came to. */

/** What one line came to. */
export interface Shown {
  readonly claim: string
  /** Undefined: there is no limit, the figure speaks for itself. */
  readonly holds: boolean | undefined
  readonly figure: string
  /** What the figure was made of, in the order it was measured; `null`: it never happened. */
  readonly samples?: Samples
}

export type Samples = readonly (number | null)[]

export interface Section {
  readonly name: string
  /** Why it cannot run here, if it cannot. */
  cannot(): string | undefined
  /** It is run with less than has to be shown, and what that is: it shows nothing then, but may fail. */
  readonly short?: string
  run(): Promise<{ readonly shown: readonly Shown[]; readonly raw: unknown }>
}

/** A figure with an upper limit. A missing figure does not hold. */
export function atMost(
  claim: string,
  value: number | undefined,
  limit: number,
  unit: string,
  samples: Samples = [],
): Shown {
  const known = value !== undefined && Number.isFinite(value)
  const figure = `${known ? value.toFixed(2) : 'never'} ${unit} (at most ${limit})`
  return { claim, holds: known && value <= limit, figure, samples }
}

export const fact = (claim: string, holds: boolean, figure: string): Shown => ({ claim, holds, figure })

export const figure = (claim: string, text: string, samples: Samples = []): Shown => ({
  claim,
  holds: undefined,
  figure: text,
  samples,
})

/** A figure that depends on the machine, beside what it should be on a good one: told, and no claim. */
export const aimed = (claim: string, value: number | undefined, aim: number, unit: string): Shown =>
  figure(
    claim,
    value === undefined || !Number.isFinite(value)
      ? `never, the aim of ${aim} ${unit} is missed`
      : `${value.toFixed(0)} ${unit}, the aim of ${aim} is ${value <= aim ? 'reached' : 'missed'}`,
  )

/** Every sample, as it was measured. */
export const listed = (samples: Samples): string =>
  samples.map(sample => (sample === null ? 'never' : Number(sample.toFixed(3)))).join(' ')

/** The middle of the samples; `null` samples are things that never happened and count as infinitely late. */
export function median(samples: Samples = []): number | undefined {
  const sorted = samples.map(sample => sample ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)
  const [lower, upper] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return lower === undefined || upper === undefined ? undefined : (lower + upper) / 2
}

export function worst(samples: Samples = []): number | undefined {
  return samples.length === 0
    ? undefined
    : Math.max(...samples.map(sample => sample ?? Number.POSITIVE_INFINITY))
}

/**
 * What real daemons on one machine are held to, judged from what was seen at each size. Pure.
 *
 * A size at which the cores gave out is a result and holds nobody to anything; but only what was measured says so. A cluster
 * that does not agree while the cores are free has failed, and a size that was asked for and not tried needs the same reason.
 */

/** Daemons at rest that take this share of all cores leave nothing for work: the cores give out. */
export const CORES_FULL = 0.8
/** And so does a machine of which so much is busy, most of it with them. */
export const MACHINE_FULL = 0.97
export const MEMORY_SPARE_MIB = 1_024
/** Held to, in ms, at sizes where the cores did not give out. */
export const AGREE_MS = 5_000
export const KILL_MS = 1_000
/** A figure rests on so many samples at least. */
export const SAMPLES_MIN = 8

/** What daemons and machine did over some time. */
export interface Busy {
  /** Of all cores, 0 to 1: these daemons, and everything on this machine. */
  readonly share: number
  readonly machineShare: number
}

export interface Rest extends Busy {
  /** Of one core, in percent; one sample a daemon. */
  readonly cpu: readonly number[]
  readonly rssMiB: readonly number[]
  readonly loopP99Ms: readonly number[]
  readonly framesPerS: number
  readonly bytesPerS: number
  readonly freeMiB: number
}

export interface Ran {
  readonly size: number
  readonly startMs: number
  /** From when the last one listens, by daemon: same ring checksum, all members alive. Undefined: never. */
  readonly agreeMs: readonly number[] | undefined
  /** And ready, which in quorum mode needs a lease. */
  readonly readyMs: number | undefined
  /** While they started and came to agree. */
  readonly starting: Busy
  /** Not when they did not come to agree. */
  readonly rest?: Rest
  /** By survivor, of all kills; undefined: it did not say so. */
  readonly killMs: readonly (number | undefined)[]
  readonly falseDeaths: readonly string[]
}

export interface ProcessClaim {
  readonly claim: string
  readonly seen: string
  readonly failing: readonly number[]
  readonly holds: boolean
}

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`

/**
 * Why the cores give out at this size; undefined: they do not. Where others keep the cores busy these daemons have not given
 * out: the figures are only worse for it.
 */
export function givesOut({ starting, rest }: Pick<Ran, 'starting' | 'rest'>): string | undefined {
  const { share, machineShare } = rest ?? starting
  const full = share >= CORES_FULL || (machineShare >= MACHINE_FULL && share >= machineShare / 2)
  if (!full) return undefined
  const when = rest === undefined ? 'before they agree' : 'at rest'
  return `${when} they take ${percent(share)} of all cores, and ${percent(machineShare)} are busy`
}

/** Why a larger cluster is not tried; undefined: it can be. */
export function short(last: Ran, next: number): string | undefined {
  const out = givesOut(last)
  if (out !== undefined || last.rest === undefined) return out
  const each = median(last.rest.rssMiB)
  const needed = next * each + MEMORY_SPARE_MIB
  const free = last.rest.freeMiB + last.size * each
  return needed > free
    ? `${next} would need ${needed.toFixed(0)} MiB, ${free.toFixed(0)} are free`
    : undefined
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** @param asked the sizes that were to be tried, smallest first */
export function claimsOf(runs: readonly Ran[], asked: readonly number[]): readonly ProcessClaim[] {
  const held = runs.filter(run => givesOut(run) === undefined)
  const sizes = held.map(({ size }) => size).join(', ') || 'no size to hold it to'
  const claim = (
    text: string,
    of: (run: Ran) => readonly (number | undefined)[],
    most: number,
  ): ProcessClaim => {
    const failing = held.filter(run => !within(of(run), most))
    return {
      claim: `${text} (${sizes})`,
      seen: held.map(run => `${run.size}: ${worst(of(run))}`).join(', '),
      failing: failing.map(({ size }) => size),
      holds: held.length > 0 && failing.length === 0,
    }
  }
  return [
    tried(runs, asked),
    claim(`all agree ${AGREE_MS} ms after the last one listens`, ({ agreeMs = [] }) => agreeMs, AGREE_MS),
    claim(`all survivors know of a kill -9 in ${KILL_MS} ms`, ({ killMs }) => killMs, KILL_MS),
    measured(held),
    buried(runs),
  ]
}

/** What was never seen is not within a limit, and neither are samples that are too few to say it. */
const within = (samples: readonly (number | undefined)[], most: number): boolean =>
  samples.length >= SAMPLES_MIN && samples.every(sample => sample !== undefined && sample <= most)

function worst(samples: readonly (number | undefined)[]): string {
  if (samples.length === 0) return 'not seen'
  if (samples.includes(undefined)) return 'not all'
  return `${Math.max(...samples.map(sample => sample ?? 0)).toFixed(0)} ms of ${samples.length} samples`
}

/** The smallest size has to be held to something, and none may be left out but for what was measured. */
function tried(runs: readonly Ran[], asked: readonly number[]): ProcessClaim {
  const last = runs.at(-1)
  const missing = asked.filter(size => !runs.some(run => run.size === size))
  const next = missing[0]
  const why = last === undefined || next === undefined ? undefined : short(last, next)
  const unexplained = why === undefined ? missing : []
  const failing = [
    ...unexplained,
    ...runs.slice(0, 1).flatMap(run => (givesOut(run) === undefined ? [] : [run.size])),
  ]
  return {
    claim: `every size of ${asked.join(', ')} is tried until the cores or the memory give out, as measured`,
    seen: [
      ...runs.map(run => `${run.size}: ${givesOut(run) ?? 'held'}`),
      ...(why === undefined ? [] : [why]),
    ].join('; '),
    failing,
    holds: runs.length > 0 && failing.length === 0,
  }
}

/** Sizes that were all borne show what this machine does, and not up to where. */
export function givenOut(runs: readonly Ran[], asked: readonly number[]): ProcessClaim {
  const last = runs.at(-1)
  const next = asked.find(size => !runs.some(run => run.size === size))
  const why = last && (givesOut(last) ?? (next === undefined ? undefined : short(last, next)))
  return {
    claim: 'more and more of them are started until the cores or the memory give out',
    seen: `${last?.size ?? 'none'}: ${why ?? 'not given out'}`,
    failing: why === undefined && last !== undefined ? [last.size] : [],
    holds: why !== undefined,
  }
}

/** CPU, memory and event loop of every daemon at rest. */
function measured(held: readonly Ran[]): ProcessClaim {
  const whole = (values: readonly number[], size: number): boolean =>
    values.length === size && size >= SAMPLES_MIN && values.every(Number.isFinite)
  const isWhole = ({ size, rest }: Ran): boolean =>
    rest !== undefined &&
    [rest.cpu, rest.rssMiB, rest.loopP99Ms].every(values => whole(values, size)) &&
    [rest.framesPerS, rest.bytesPerS].every(rate => rate > 0)
  const failing = held.filter(run => !isWhole(run))
  return {
    claim: `CPU, memory, event loop and traffic are measured of every daemon, ${SAMPLES_MIN} or more`,
    seen: held
      .map(
        ({ size, rest }) => `${size}: ${rest === undefined ? 'not measured' : `${rest.cpu.length} samples`}`,
      )
      .join(', '),
    failing: failing.map(({ size }) => size),
    holds: held.length > 0 && failing.length === 0,
  }
}

/** Told of all sizes; held to where the cores did not give out. */
function buried(runs: readonly Ran[]): ProcessClaim {
  const held = runs.filter(run => givesOut(run) === undefined)
  const failing = held.filter(({ falseDeaths }) => falseDeaths.length > 0)
  return {
    claim: 'nobody is buried who runs',
    seen: runs.map(({ size, falseDeaths }) => `${size}: ${falseDeaths.length}`).join(', '),
    failing: failing.map(({ size }) => size),
    holds: held.length > 0 && failing.length === 0,
  }
}

/** What is claimed of ten seconds of SIGSTOP, judged from the signs of those who act. Pure, as `judges.ts`. */
import type { Sign } from '../e2e/act-ledger.ts'
import { lastSign } from './history.ts'
import { type Claim, count, type Samples, seconds } from './report.ts'

type Sample = Samples[number]

/** A right to act lasts so long without its renewal. */
export const LEASE_MS = 2_000

/** From SIGCONT to the death of every command. */
export const DEAD_MS = 100

/** One that says nothing for longer is frozen and does nothing: far more than between two signs, far less than a freeze. */
export const SILENCE_MS = 500

/** Who was stopped, from when to when, on the clock of the signs. */
export interface Freeze {
  readonly node: string
  readonly stopped: number
  readonly woken: number
}

/** A command under way is known by the sign that began it. */
export function commandsOf(
  signs: readonly Sign[],
  node: string,
  commandKeys: readonly string[],
): readonly Sign[] {
  const mine = signs.filter(sign => sign.node === node && commandKeys.includes(sign.key))
  const ended = new Set(
    mine.filter(({ event }) => event === 'gone' || event === 'stop').map(({ actor }) => actor),
  )
  return mine.filter(({ event, actor }) => event === 'start' && !ended.has(actor))
}

/** What the woken one began. */
export const startsOf = (signs: readonly Sign[], { node, woken }: Freeze): readonly Sign[] =>
  signs.filter(sign => sign.node === node && sign.event === 'start' && sign.at >= woken)

/** Of these the ones with a token that anybody had before: a leave to act from before the freeze. */
export function startsWithoutNewLeave(signs: readonly Sign[], freeze: Freeze): readonly Sign[] {
  const highest = new Map<string, bigint>()
  for (const { key, token } of signs.filter(({ at }) => at < freeze.woken)) {
    const known = highest.get(key)
    if (known === undefined || BigInt(token) > known) highest.set(key, BigInt(token))
  }
  return startsOf(signs, freeze).filter(({ key, token }) => BigInt(token) <= (highest.get(key) ?? 0n))
}

/** @param commands how many ran there as it was stopped */
export const daemonSeen = (signs: readonly Sign[], freeze: Freeze, commands: number) => ({
  commands,
  last: lastSign({ signs, since: freeze.stopped, mended: freeze.woken }, [freeze.node]),
  starts: startsOf(signs, freeze).length,
  early: startsWithoutNewLeave(signs, freeze).length,
})

type DaemonSeen = ReturnType<typeof daemonSeen>

/** @param earlier trials that were played again: what must never happen counts in them all the same */
export function daemonClaims(
  trials: readonly DaemonSeen[],
  earlier: readonly DaemonSeen[],
  wanted: number,
): readonly Claim[] {
  const all = [...earlier, ...trials]
  return [
    count(
      'SIGSTOP for 10 s of the daemon alone: commands it ran',
      trials.map(({ commands }) => commands),
      { least: 1, wanted },
    ),
    seconds(
      'the last sign of anybody who acted there',
      trials.map(({ last }) => last),
      { most: LEASE_MS / 1_000, wanted },
    ),
    // Where nothing starts, nothing starts too early.
    count(
      'starts there after SIGCONT',
      all.map(({ starts }) => starts),
      { least: 1, wanted },
    ),
    count(
      'starts after SIGCONT without a newer token than any before',
      all.map(({ early }) => early),
      { most: 0, wanted },
    ),
  ]
}

/** Keys of its commands for which somebody else acted before it woke. */
export function takenKeys(
  signs: readonly Sign[],
  { node, stopped, woken }: Freeze,
  commands: readonly Sign[],
): ReadonlySet<string> {
  const keys = new Set(commands.map(({ key }) => key))
  const others = signs.filter(
    sign =>
      sign.at >= stopped &&
      sign.at <= woken &&
      (sign.event === 'start' || sign.event === 'act') &&
      sign.accepted &&
      keys.has(sign.key) &&
      sign.node !== node,
  )
  return new Set(others.map(({ key }) => key))
}

/**
 * @param commands that it ran as it was stopped
 * @param dead how long after SIGCONT the last of them was, ms
 */
export function treeSeen(signs: readonly Sign[], freeze: Freeze, commands: readonly Sign[], dead: Sample) {
  const actors = new Set(commands.map(({ actor }) => actor))
  const late = signs.filter(
    ({ at, actor, event }) => at >= freeze.woken && actors.has(actor) && event !== 'gone',
  )
  return {
    commands: commands.length,
    taken: takenKeys(signs, freeze, commands).size,
    dead,
    refused: late.filter(({ accepted }) => !accepted).length,
  }
}

export type TreeSeen = ReturnType<typeof treeSeen> & {
  /** Written on purpose with the tokens of its commands whose keys others took, and how often that was refused. */
  readonly offered: number
  readonly denied: number
}

/**
 * That nothing stale was accepted is judged over all signs, in `acting.ts`: here, that something stale was offered. What
 * wakes may be dead before it writes, so it is told how often it was not, and no more.
 * @param earlier trials that were played again
 */
export function treeClaims(
  trials: readonly TreeSeen[],
  earlier: readonly TreeSeen[],
  wanted: number,
): readonly Claim[] {
  const all = [...earlier, ...trials]
  return [
    count(
      'SIGSTOP for 10 s of the whole tree: commands it ran',
      trials.map(({ commands }) => commands),
      { least: 1, wanted },
    ),
    count(
      'keys of its commands that others took',
      all.map(({ taken }) => taken),
      { least: 1, wanted },
    ),
    {
      name: 'its commands are dead after SIGCONT',
      unit: 'ms',
      samples: trials.map(({ dead }) => dead),
      most: DEAD_MS,
      wanted,
    },
    count(
      'stale writes that the register refused of those that woke',
      all.map(({ refused }) => refused),
    ),
    count(
      'stale writes made on purpose in their names that it refused',
      all.map(({ denied }) => denied),
      { least: 1, wanted },
    ),
    count(
      'and that it did not',
      all.map(({ offered, denied }) => offered - denied),
      { most: 0, wanted },
    ),
  ]
}

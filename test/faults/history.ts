/**
 * What was recorded of one fault from its beginning to a while after its end, and what can be read in that: all times are ms
 * of `monotonicMs`, and `null` says that a thing never happened while anybody looked. Nothing here waits or asks.
 */
import type { Sign } from '../e2e/act-ledger.ts'

/** What one daemon said, and when. */
export interface Word {
  readonly by: string
  readonly type: string
  readonly node?: string
  readonly at: number
}

export interface History {
  /** All daemons. */
  readonly members: readonly string[]
  /** From the fault on, */
  readonly since: number
  /** up to where it began to be mended, */
  readonly mended: number
  /** and up to where everybody was listened to. */
  readonly until: number
  /** All that the daemons said, from their start on: what they believe follows from all of it. */
  readonly words: readonly Word[]
  /** All that those who act said, as the collector heard it. */
  readonly signs: readonly Sign[]
  /** Keys that have to be acted for. */
  readonly keys: readonly string[]
}

/** How often one was taken for dead, by somebody, which nobody was. */
export const deathsIn = ({ words, since, until }: History): number =>
  words.filter(({ type, at }) => type === 'failed' && at >= since && at <= until).length

export const countOf = ({ words, since, until }: History, wanted: string): number =>
  words.filter(({ type, at }) => type === wanted && at >= since && at <= until).length

/** When the last of those said so of `about` (or of itself), after the fault and before it was mended; in ms from it. */
export function allSaid(
  { words, since, mended }: History,
  those: readonly string[],
  type: string,
  about?: string,
): number | null {
  const firsts = those.map(by =>
    words.find(
      word =>
        word.by === by &&
        word.type === type &&
        word.node === (about ?? by) &&
        word.at >= since &&
        word.at <= mended,
    ),
  )
  if (firsts.length === 0 || firsts.includes(undefined)) return null
  return firsts.reduce((last, word) => Math.max(last, (word?.at ?? 0) - since), 0)
}

/**
 * From when on those believe that exactly they are alive, to the end of a time; ms from its beginning. Who believed it,
 * ceased to and came back has agreed from the last of these on.
 */
export function agreedFrom(
  { words }: History,
  those: readonly string[],
  { from, to }: { readonly from: number; readonly to: number },
): number | null {
  const alive = new Map(those.map(name => [name, new Set<string>()]))
  const good = (): boolean =>
    [...alive.values()].every(view => view.size === those.length && those.every(name => view.has(name)))
  let since: number | null = null
  for (const { by, type, node, at } of words.toSorted((a, b) => a.at - b.at)) {
    const view = alive.get(by)
    if (at > to) break
    if (view === undefined || node === undefined) continue
    if (type === 'alive') view.add(node)
    if (type === 'failed' || type === 'left') view.delete(node)
    if (!good()) since = null
    else since ??= at
  }
  return since === null ? null : Math.max(0, since - from)
}

/** When somebody of those first acted for every key at one moment, in ms from a time on; null: at no moment up to `to`. */
export function allActedFor(
  { signs, keys }: History,
  those: readonly string[],
  { from, to }: { readonly from: number; readonly to: number },
): number | null {
  const acting = new Map(keys.map(key => [key, new Set<number>()]))
  const all = (): boolean => keys.length > 0 && [...acting.values()].every(actors => actors.size > 0)
  let before = false
  for (const { key, node, event, actor, at } of signs.toSorted((a, b) => a.at - b.at)) {
    if (at > to) break
    if (at >= from && before) return 0
    const actors = acting.get(key)
    if (actors === undefined || !those.includes(node)) continue
    if (event === 'stop' || event === 'gone') actors.delete(actor)
    else actors.add(actor)
    if (at >= from && all()) return at - from
    before = all()
  }
  return before ? 0 : null
}

/**
 * When the last of those said anything at all before the fault was mended, in ms from it. Null when none of them acted as it
 * began: that they are silent is then no sign that they stopped.
 */
export function lastSign(
  { signs, since, mended }: Pick<History, 'signs' | 'since' | 'mended'>,
  those: readonly string[],
): number | null {
  const theirs = signs.filter(({ node, at }) => those.includes(node) && at <= mended)
  const before = Map.groupBy(
    theirs.filter(({ at }) => at < since),
    ({ actor }) => actor,
  )
  const acted = [...before.values()].some(all => {
    const event = all.reduce((last, sign) => (sign.at >= last.at ? sign : last)).event
    return event === 'start' || event === 'act'
  })
  return acted ? theirs.reduce((last, { at }) => Math.max(last, at - since), 0) : null
}

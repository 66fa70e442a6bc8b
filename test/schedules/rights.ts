/** Who had the right to act when it was cut off, and who said that it was lost. Pure, so that it can be tried on wrong histories. */

/** A daemon said that it gained or lost its right, or was killed. */
export interface RightEvent {
  readonly node: string
  readonly at: number
  readonly what: 'gained' | 'lost' | 'killed'
}

/** Of those who were cut off: how many had the right at that moment, and how many of them said before the heal that it was lost. */
export interface RightsLost {
  readonly had: number
  readonly said: number
}

/**
 * One that was killed before it could say so is left out: it has nothing any more.
 * @param events of one node in the order in which they came
 */
export function rightsLost(
  events: readonly RightEvent[],
  cut: { readonly nodes: readonly string[]; readonly from: number; readonly to: number },
): RightsLost {
  const firsts = cut.nodes.flatMap(name => {
    const own = events.filter(({ node, at }) => node === name && at <= cut.to)
    if (own.findLast(({ at }) => at < cut.from)?.what !== 'gained') return []
    const next = own.find(({ at, what }) => at >= cut.from && what !== 'gained')?.what
    return next === 'killed' ? [] : [next]
  })
  return { had: firsts.length, said: firsts.filter(what => what === 'lost').length }
}

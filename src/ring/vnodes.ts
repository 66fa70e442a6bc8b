/**
 * How many vnodes each member has. A circle costs time and memory by its tokens, and weights are shares: a hundred members of
 * weight 100 would lay four million, for seconds, where a hundred of weight 1 are as even. So beyond `VNODES_MAX` all have
 * half as many, as often as it takes. Every node makes that of the members alone.
 *
 * Half, and not as many as just fit: then every member that comes or goes would change the tokens of all others, and with
 * them keys would move between members that stay. So they do only where the sum passes the limit or a doubling of it: there
 * about half of them move.
 */

/** Four tokens each: as many as 1,024 members of weight 1 have by default. Such a ring takes 0.2 to 0.4 s to lay, and 2.5 MB. */
export const VNODES_MAX = 102_400

/** An MD5 is four words. */
export const TOKENS_PER_VNODE = 4

export interface Vnodes {
  /** Of each member, in the order of the weights; one at least. */
  readonly counts: readonly number[]
  /** How often all were halved; 0 in all but very heavy rings. */
  readonly halvings: number
}

export function vnodesOf(weights: readonly number[], vnodesPerWeight: number): Vnodes {
  const whole = weights.map(weight => Math.max(1, Math.round(weight * vnodesPerWeight)))
  const sum = whole.reduce((total, count) => total + count, 0)
  let halvings = 0
  while (sum > VNODES_MAX * 2 ** halvings) halvings++
  return { counts: whole.map(count => Math.max(1, Math.floor(count / 2 ** halvings))), halvings }
}

/**
 * The circle as two flat arrays: where the tokens are, and whose. hashring lays the tokens out; looking up is ours.
 *
 * Why not its `get`: it keeps the last 5,000 answers per ring, and a view that flaps makes many rings; any other key costs
 * it 2.5 us. Here a search in a flat array takes 0.1 us and needs no cache of answers; what is worth keeping is the MD5
 * (`hash.ts`), which all rings share. And a token is six bytes instead of an object.
 */
import HashRing from 'hashring'
import { assert } from '../base/assert.ts'
import { digest } from './hash.ts'
import { TOKENS_PER_VNODE } from './vnodes.ts'

/** Positions are 32 bits: 0 to POSITIONS - 1. */
export const POSITIONS = 2 ** 32

/** Owner indexes are kept in 16 bits. */
const MEMBERS_MAX = 65_535

export interface Circle {
  /** Ascending. Of equal ones the first counts. */
  readonly tokens: Uint32Array
  /** For each token the index of its member, in the order that `layCircle` was given. */
  readonly owners: Uint16Array
}

/** Tokens of members that are kept, 3.3 MB: those of 2,048 of weight 1. A view changes by few members at a time. */
const KEPT_TOKENS_MAX = 819_200
/** Tokens by vnodes and name, oldest use first. */
const kept = new Map<string, Uint32Array>()
let keptTokens = 0

/** A member's name and its number of vnodes. */
export type Placed = readonly [name: string, vnodes: number]

/** A circle and the members that it was laid for. */
export interface Known {
  readonly members: readonly Placed[]
  readonly circle: Circle
}

/** A known circle is mended when at most this share of the new one's tokens is not on it; beyond, sorting costs no more. */
const MENDED_SHARE_MAX = 0.25

/**
 * @param members sorted by name
 * @param near a circle of much the same members makes it cheap: 1,000 members are sorted in 50 to 90 ms, which no event
 *   loop should stand still for, and mended in 5; the result is the same
 */
export function layCircle(members: readonly Placed[], near?: Known): Circle {
  assert(members.length <= MEMBERS_MAX, 'the members fit the circle', { members: members.length })
  const total = countTokens(members)
  const moves = near && movesFrom(near.members, members)
  if (near !== undefined && moves !== undefined) {
    const fresh = countTokens(moves.fresh.map(index => members[index] as Placed))
    if (fresh <= total * MENDED_SHARE_MAX)
      return mend(near.circle, moves.indexes, packed(members, moves.fresh), total)
  }
  const everybody = members.map((_, index) => index)
  return mend(NOTHING, NOWHERE, packed(members, everybody), total)
}

const NOTHING: Circle = { tokens: new Uint32Array(), owners: new Uint16Array() }
const NOWHERE = new Int32Array()
const GONE = -1

const countTokens = (members: readonly Placed[]): number =>
  members.reduce((sum, [, vnodes]) => sum + vnodes * TOKENS_PER_VNODE, 0)

/** One sortable number for both: 32 bits of token above 16 bits of owner fit a double exactly. */
const pack = (token: number, owner: number): number => token * (MEMBERS_MAX + 1) + owner

/** The tokens of these members in order. */
function packed(members: readonly Placed[], indexes: readonly number[]): Float64Array {
  const all = new Float64Array(countTokens(indexes.map(index => members[index] as Placed)))
  let at = 0
  for (const index of indexes) {
    const [name, vnodes] = members[index] as Placed
    for (const token of tokensOf(name, vnodes)) all[at++] = pack(token, index)
  }
  return all.sort()
}

/** Where each member of before stands now, and who is new. One whose weight changed is gone, and new. */
function movesFrom(
  before: readonly Placed[],
  members: readonly Placed[],
): { readonly indexes: Int32Array; readonly fresh: readonly number[] } {
  const indexes = new Int32Array(before.length).fill(GONE)
  const fresh: number[] = []
  let old = 0
  members.forEach(([name, vnodes], index) => {
    while (old < before.length && (before[old] as Placed)[0] < name) old++
    const known = before[old]
    if (known?.[0] === name && known[1] === vnodes) indexes[old] = index
    else fresh.push(index)
  })
  return { indexes, fresh }
}

/** Merges what stays of a circle with what is added; both are in order, and stay so, for members keep theirs. */
function mend(old: Circle, indexes: Int32Array, added: Float64Array, total: number): Circle {
  const circle = { tokens: new Uint32Array(total), owners: new Uint16Array(total) }
  let at = 0
  let next = 0
  const put = (value: number): void => {
    const token = Math.floor(value / (MEMBERS_MAX + 1))
    circle.tokens[at] = token
    circle.owners[at++] = value - token * (MEMBERS_MAX + 1)
  }
  for (let i = 0; i < old.tokens.length; i++) {
    const owner = indexes[old.owners[i] as number] as number
    if (owner === GONE) continue
    const token = old.tokens[i] as number
    const here = pack(token, owner)
    while (next < added.length && (added[next] as number) < here) put(added[next++] as number)
    circle.tokens[at] = token
    circle.owners[at++] = owner
  }
  while (next < added.length) put(added[next++] as number)
  return circle
}

/** Where a member's tokens lie says nothing of the others: each is laid once, and a new view is a matter of sorting. */
function tokensOf(name: string, vnodes: number): Uint32Array {
  const id = `${vnodes} ${name}`
  const tokens = kept.get(id) ?? laid(name, vnodes)
  if (!kept.delete(id)) keptTokens += tokens.length
  kept.set(id, tokens)
  for (const [oldest, { length }] of kept) {
    if (keptTokens <= KEPT_TOKENS_MAX) break
    kept.delete(oldest)
    keptTokens -= length
  }
  return tokens
}

/**
 * `vnode count` 0: a member whose vnodes equal that default would be given hashring's weighted share instead of what was
 * asked, and nobody has 0. The name goes in as the key of an object: that way hashring splits off no port at a colon.
 */
function laid(name: string, vnodes: number): Uint32Array {
  // The published types know only functions that return text or a Buffer; hashring indexes whatever it gets.
  const bytes = digest as unknown as (name: string) => Buffer
  const ring = new HashRing({ [name]: { vnodes } }, bytes, { 'vnode count': 0 })
  // The published types say an array of records; it is one record: name -> tokens.
  const points = ring.points([name]) as unknown as Record<string, number[]>
  const tokens = points[name] ?? []
  assert(tokens.length === vnodes * TOKENS_PER_VNODE, 'hashring lays four tokens a vnode', { name, vnodes })
  return Uint32Array.from(tokens)
}

/** Index of the first token at or after `position`, wrapping to the first. The circle must not be empty. */
export function tokenAt(tokens: Uint32Array, position: number): number {
  let low = 0
  let high = tokens.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((tokens[middle] as number) < position) low = middle + 1
    else high = middle
  }
  return low === tokens.length ? 0 : low
}

/** How many positions each member owns; the counts add up to POSITIONS. */
export function countPositions(circle: Circle, members: number): Float64Array {
  const counts = new Float64Array(members)
  const { tokens, owners } = circle
  let from = (tokens.at(-1) ?? 0) - POSITIONS
  tokens.forEach((token, i) => {
    const owner = owners[i] as number
    counts[owner] = (counts[owner] as number) + (token - from)
    from = token
  })
  return counts
}

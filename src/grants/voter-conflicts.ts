/** Lists that do not descend from this node's, nor this node's from them: only an operator can decide between such. */
import type { NodeId } from '../base/ids.ts'
import type { GrantsEffect } from './effects.ts'
import type { VoterList } from './messages.ts'
import { hashOf } from './voter-list.ts'

/** Pairs remembered as conflicting; further ones are neither logged nor counted. */
const CONFLICTS_MAX = 64

export class VoterConflicts {
  readonly #out: { push(effect: GrantsEffect): unknown }
  readonly #pairs = new Set<string>()

  constructor(out: { push(effect: GrantsEffect): unknown }) {
    this.#out = out
  }

  get size(): number {
    return this.#pairs.size
  }

  /** Says so, of each pair once. */
  note(event: string, from: NodeId, told: VoterList, mine: VoterList | undefined): void {
    const pair = `${mine === undefined ? '' : hashOf(mine)} ${hashOf(told)}`
    if (this.#pairs.has(pair) || this.#pairs.size >= CONFLICTS_MAX) return
    this.#pairs.add(pair)
    const { version, names } = told
    const fields = { from, version, names, mine: mine?.names, versionOfMine: mine?.version }
    this.#out.push({ kind: 'log', level: 'error', event, fields })
  }
}

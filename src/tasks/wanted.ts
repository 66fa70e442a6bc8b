import type { NodeId } from '../base/ids.ts'

/** What keys wait for that are not complete. */
export interface Wanted {
  /** The voters have not said yet under which rings others may have written, so it is not known either who is missing. */
  readonly blind: boolean
  /** Those that live and have not answered yet. */
  readonly asked: readonly NodeId[]
  /** Those that do not live. */
  readonly down: readonly NodeId[]
  /** Those that have answered, from another disk than they had then. */
  readonly replaced: readonly NodeId[]
}

/** Named at most, of each. */
const NAMED_MAX = 8

/** In words: who is waited for, and what ends that. */
export function saidOf({ blind, asked, down, replaced }: Wanted): string {
  if (blind) return 'the voters have not said yet which rings there were'
  const [firstDown] = down
  const [firstReplaced] = replaced
  const parts = [
    ...(asked.length > 0 ? [`no answer yet from ${listed(asked)}`] : []),
    ...(firstDown === undefined
      ? []
      : [
          `${listed(down)} may have what nobody else has, and ${isOrAre(down)} down: start again with the same disk, or, if that is gone for good, "roundtable forget ${firstDown}"`,
        ]),
    ...(firstReplaced === undefined
      ? []
      : [
          `${listed(replaced)} came with another disk, and what was on the former one may be nowhere else: bring that back, or, if it is gone for good, say "roundtable forget ${firstReplaced} --former-disk" to ${firstReplaced}`,
        ]),
  ]
  const several = down.length + replaced.length > 1 ? ' (of these as many as it takes)' : ''
  return parts.length === 0
    ? 'the others are asked once there is leave to act'
    : `${parts.join('; ')}${several}`
}

const isOrAre = (nodes: readonly NodeId[]): string => (nodes.length === 1 ? 'is' : 'are')

function listed(nodes: readonly NodeId[]): string {
  const named = nodes.slice(0, NAMED_MAX).join(', ')
  return nodes.length > NAMED_MAX ? `${named} and ${nodes.length - NAMED_MAX} more` : named
}

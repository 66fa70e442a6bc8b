/** What does not hold, to be read on its own: an indented line is named with the one that it stands under. */
import type { Shown } from './line.ts'

export function failedLines(section: string, shown: readonly Shown[]): readonly string[] {
  return shown.flatMap(({ holds, claim, figure }, i) => {
    if (holds !== false) return []
    const above = indented(claim)
      ? shown.slice(0, i).findLast(line => !indented(line.claim))?.claim
      : undefined
    const name = above === undefined ? claim.trim() : `${above}, ${claim.trim()}`
    return [`${section}: ${name}: ${figure}`]
  })
}

const indented = (claim: string): boolean => claim.startsWith(' ')

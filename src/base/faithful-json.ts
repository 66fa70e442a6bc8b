import { doubledIn } from './doubled-names.ts'
import { exactInsteadOf, inexactOf } from './exact-numbers.ts'

const NAME_SHOWN_MAX = 80

/** What a JSON text would lose by being read, in the words of a problem. */
export interface Loss {
  readonly expected: string
  readonly got: string
}

/**
 * Would something else be stored than what stands in this JSON text? `undefined` when not.
 * @param value what was read of the text
 */
export function lossOf(json: string, value: unknown): Loss | undefined {
  const number = inexactOf(json)
  if (number !== undefined) return { expected: exactInsteadOf(number), got: number }
  const name = doubledIn(json, value)
  if (name === undefined) return undefined
  return { expected: 'each name once in an object', got: `${shown(name)} twice` }
}

function shown(name: string): string {
  const text = JSON.stringify(name)
  return text.length > NAME_SHOWN_MAX ? `${text.slice(0, NAME_SHOWN_MAX).toWellFormed()}...` : text
}

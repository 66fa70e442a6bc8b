/**
 * How takeover questions are answered in a run. Simulated nodes hold a few records each, which is one page of one slice. So
 * in every fourth seed pages and slices are tiny; and where faults are mixed a question or a page is lost now and then, as what
 * is sent over a link that is going, until the quiet: then nothing is wrong any more. It hangs on the seed alone, apart from
 * all that is drawn: what the other seeds do stays the same.
 */
import { hash32 } from '../../src/base/hash.ts'
import { Random } from '../../src/base/random.ts'
import type { LinkMessage } from '../../src/node/machine.ts'
import type { AnswerSizes } from '../../src/tasks/inventory.ts'
import type { Shape } from './shape.ts'

const SMALL: AnswerSizes = { page: 3, slice: 2 }
/** Of questions and pages. Few: what is lost costs 3 s, and an answer that begins anew each time would not end. */
const LOST_SHARE = 0.01
const TYPES: ReadonlySet<LinkMessage['type']> = new Set(['inventory', 'inventory-reply'])

export interface Answers {
  readonly sizes: AnswerSizes
  /** Is the frame lost by itself, when it is sent at that time? */
  readonly isLost: (message: LinkMessage, now: number) => boolean
}

/** Undefined: as they are outside. */
/** @param quietAt when everything is healed */
export function answersOf({ seed, profile }: Shape, quietAt: number): Answers | undefined {
  if (hash32(`answers ${seed}`) % 4 !== 0) return undefined
  const random = new Random(seed + 0xa5_5e5)
  const concerns = ({ type }: LinkMessage): boolean => profile === 'mixed' && TYPES.has(type)
  const isLost = (message: LinkMessage, now: number): boolean =>
    now < quietAt && concerns(message) && random.chance(LOST_SHARE)
  return { sizes: SMALL, isLost }
}

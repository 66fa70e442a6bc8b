/**
 * Whole numbers that a reader of JSON would change without a word: beyond 2^53 a number holds only every second one, then
 * every fourth, and beyond 1.8e308 it is read as infinite, and written again as null. An order number that is stored as its
 * neighbour is worse than one that is refused.
 *
 * The text is read by hand: a parser that shows the source of each value takes twenty times as long, in which the node
 * would stand still.
 */

/**
 * Integers from 2^53 on have 16 digits and more. What is infinite has as many, or an exponent of three; it is looked for only
 * where a value begins, since many a UUID has something like it in its midst.
 */
const LONG = /\d{16}|(?:^|[:,[\s])-?\d[\d.]*[eE]\+?\d{3}/
/** A number from here on. */
const NUMBER = /[-+.eE\d]+/y
const SHOWN_MAX = 40

/** What was expected instead of a number that `inexactOf` found, in the words of a problem. */
export const exactInsteadOf = (number: string): string =>
  Number.isFinite(Number(number))
    ? 'whole numbers within 2^53 (larger ones as text)'
    : 'numbers within 1.8e308 (larger ones as text)'

/** The first whole number of this JSON text that would be stored as another one, shortened; `undefined` when there is none. */
export function inexactOf(json: string): string | undefined {
  return LONG.test(json) ? firstOf(json) : undefined
}

function firstOf(json: string): string | undefined {
  let quoted = false
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === 0x22) quoted = !quoted
    else if (quoted && code === 0x5c) i++
    else if (!quoted && (code === 0x2d || (code >= 0x30 && code <= 0x39))) {
      const number = numberAt(json, i)
      if (!isExact(number)) return number.slice(0, SHOWN_MAX)
      i += number.length - 1
    }
  }
  return undefined
}

function numberAt(json: string, index: number): string {
  NUMBER.lastIndex = index
  return NUMBER.exec(json)?.[0] ?? json.charAt(index)
}

const isExact = (number: string): boolean =>
  /^-?\d{16,}$/.test(number) ? Number.isSafeInteger(Number(number)) : Number.isFinite(Number(number))

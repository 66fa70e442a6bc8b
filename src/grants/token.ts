/** Low bits of a fencing token that are 0 in this version: room for a counter within a term. */
const RESERVED_BITS = 16n

/**
 * The fencing token of a term: a decimal string of 64 bits, the term in the upper 48. A term is a wall clock in ms or
 * more, so tokens compare as numbers, fit a signed 64-bit integer, and do for some 6,000 years. Compare them as integers
 * (`BigInt`), never as text or floating point.
 */
export const tokenOf = (term: number): string => String(BigInt(term) << RESERVED_BITS)

/** 40 bits: two ids of one millisecond that agree in all else are equal once in 10^12 times. */
const RANDOM_BYTES = 5

/**
 * An id for a task that comes without one. The core's ids are in the order of time, but have ten bits only for node and
 * boot number: of eight nodes two have the same ones in one cluster of 37. A submission under an id that is there already
 * is taken for the same one, and is lost. What is random keeps them apart.
 */
export function uniqueId(ordered: string): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES))
  return `${ordered}-${Array.from(random, byte => byte.toString(16).padStart(2, '0')).join('')}`
}

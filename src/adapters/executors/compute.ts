/**
 * `compute`: real work for the processor, for trying out. The payload is `{ n: 1000000 }`; the result is
 * `{ n, primes: how many primes are below n }`.
 *
 * A segmented sieve on the daemon's own event loop, a slice at a time. A thread would be the right place for heavy
 * work, and that is what `exec` is for; here it would cost 10 MB for an executor that nobody uses in earnest.
 */
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import type { Outcome } from '../../tasks/task.ts'
import { cancelled, type Executor, succeeded, timedOut } from './executor.ts'
import { invalid, strangeFields } from './payload.ts'

/** Largest n: about a second of work. */
export const N_MAX = 100_000_000

/** Work between two looks at the clock: about 0.1 ms. */
const SEGMENT = 32 * 1024

/** Work before others get their turn, in ms. */
const SLICE_MS = 2

interface ComputePayload {
  readonly n: number
}

export const compute: Executor = {
  check(payload) {
    const strange = strangeFields(payload, ['n'])
    if (strange !== undefined) return strange
    const { n } = payload as ComputePayload
    if (Number.isSafeInteger(n) && n >= 0 && n <= N_MAX) return undefined
    return invalid('payload.n', `a whole number from 0 to ${N_MAX}`, n)
  },

  async execute(order, signal): Promise<Outcome> {
    const { n } = order.payload as unknown as ComputePayload
    const deadline = performance.now() + order.timeoutMs
    const base = primesUpTo(Math.floor(Math.sqrt(n)))
    let primes = 0
    let sliceEnd = performance.now() + SLICE_MS
    for (let from = 2; from < n; from += SEGMENT) {
      primes += countPrimes(from, Math.min(n, from + SEGMENT), base)
      if (performance.now() < sliceEnd) continue
      await setImmediate()
      if (signal.aborted) return cancelled()
      if (performance.now() > deadline) return timedOut(order.timeoutMs)
      sliceEnd = performance.now() + SLICE_MS
    }
    return signal.aborted ? cancelled() : succeeded({ n, primes })
  },
}

/** All primes up to and including `last`: at most the 1,229 below 10,000. */
function primesUpTo(last: number): readonly number[] {
  const composite = new Uint8Array(last + 1)
  const primes: number[] = []
  for (let i = 2; i <= last; i++) {
    if (composite[i] === 1) continue
    primes.push(i)
    for (let multiple = i * i; multiple <= last; multiple += i) composite[multiple] = 1
  }
  return primes
}

/** Primes in [from, to), given all primes up to the square root of `to`. */
function countPrimes(from: number, to: number, base: readonly number[]): number {
  const composite = new Uint8Array(to - from)
  for (const prime of base) {
    const first = Math.max(prime * prime, Math.ceil(from / prime) * prime)
    for (let multiple = first; multiple < to; multiple += prime) composite[multiple - from] = 1
  }
  let count = 0
  for (const mark of composite) count += 1 - mark
  return count
}

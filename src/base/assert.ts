/** A bug, not bad input: the process stops with its context. Nothing catches this on purpose. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
  readonly context: Readonly<Record<string, unknown>>

  constructor(claim: string, context: Readonly<Record<string, unknown>> = {}) {
    super(`bug: ${claim} does not hold ${JSON.stringify(context)}`)
    this.context = context
  }
}

/** Stops the process when a claim that the code relies on does not hold. */
export function assert(
  condition: unknown,
  claim: string,
  context?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new AssertionError(claim, context)
}

/** Closes a `switch` over a union: the compiler proves that nothing gets here, and a forged value stops the process. */
export function unreachable(value: never): never {
  throw new AssertionError('every case is handled', { value })
}

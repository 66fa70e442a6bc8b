import type { Output } from './terminal.ts'

interface Answer {
  readonly silent?: readonly string[]
  readonly settling?: readonly string[]
}

/** What misses some must not look whole. */
export function sayMissing(err: Output, answers: readonly Answer[]): void {
  const silent = new Set(answers.flatMap(answer => answer.silent ?? []))
  const settling = new Set(answers.flatMap(answer => answer.settling ?? []))
  if (silent.size > 0) err.write(`incomplete: ${[...silent].join(', ')} did not answer\n`)
  if (settling.size > 0)
    err.write(`incomplete: ${[...settling].join(', ')} is just taking over tasks, or sees another ring\n`)
}

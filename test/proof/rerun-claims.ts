/** What ran twice in the main job with chaos, judged by the attempts that it prints, and not by what it says of them itself. */
import { fact, type Shown } from './line.ts'

export interface RerunAttempt {
  readonly node: string
  /** Wall clock of the one machine, ms. */
  readonly startedAt: number
  readonly outcome?: string
}

export interface Reran {
  readonly task: string
  readonly attempts: readonly RerunAttempt[]
}

export interface RerunSummary {
  readonly runTwice: readonly Reran[]
  /** Cut off by the kill and run again. */
  readonly cutOff: readonly Reran[]
  readonly chaos?: { readonly node: string; readonly killedAt: string }
}

/** From just before the signal until the process is gone it may still begin something, ms. */
const DYING_MS = 1_000

/** Ended by the node itself: another attempt needs no kill to explain it. */
const STOPPED: readonly string[] = ['failed', 'cancelled', 'fenced']

export function rerunClaim({ runTwice, cutOff, chaos }: RerunSummary): Shown {
  const all = [...runTwice, ...cutOff]
  const strange = all.filter(one => chaos === undefined || !isExplained(one, chaos))
  const text = `${runTwice.length} run to the end twice, ${cutOff.length} cut off and run again`
  const named = strange.map(({ task }) => task).join(', ')
  return fact(
    'run twice only what the kill explains: one attempt of the killed node, and another after the kill',
    chaos !== undefined && strange.length === 0,
    named === '' ? text : `${text}, not so: ${named}`,
  )
}

/** One attempt began on the killed node before it was gone, and no more than one other elsewhere or later, after the kill. */
function isExplained({ attempts }: Reran, chaos: NonNullable<RerunSummary['chaos']>): boolean {
  const killedAt = Date.parse(chaos.killedAt)
  const runs = attempts.filter(({ outcome = '' }) => !STOPPED.includes(outcome))
  const [first, second] = runs.toSorted((a, b) => a.startedAt - b.startedAt)
  if (runs.length !== 2 || first === undefined || second === undefined) return false
  return first.node === chaos.node && first.startedAt <= killedAt + DYING_MS && second.startedAt >= killedAt
}

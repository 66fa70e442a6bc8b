/**
 * What runs attempts on one host, as far as the core can tell: it takes a seeded time and ends with an outcome. A
 * process's death kills what it runs. Under a frozen daemon an `exec` child goes on by itself; what runs inside the
 * daemon (`echo`, `compute`, `unreliable`) stands still with it.
 */
import type { TaskId } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import type { AttemptOrder } from '../../src/node/machine.ts'
import type { Outcome } from '../../src/tasks/task.ts'
import type { EventQueue } from './queue.ts'

/** One run of a task, kept for the invariants. */
export interface Run {
  readonly task: TaskId
  readonly attempt: number
  readonly host: number
  readonly startedAt: number
  end: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'killed'
}

/** `unreliable` fails this many attempts of a task before one succeeds. */
const UNRELIABLE_FAILS = 2

export class Executor {
  readonly #queue: EventQueue
  readonly #random: Random
  readonly #runs: Run[]
  readonly #running = new Map<string, { run: Run; finish: (outcome: Outcome) => void }>()
  #takesMs: readonly [from: number, to: number] = [5, 60]

  /** @param runs where every run is noted, across the processes of a host */
  constructor(queue: EventQueue, random: Random, runs: Run[]) {
    this.#queue = queue
    this.#random = random
    this.#runs = runs
  }

  setTakesMs(from: number, to: number): void {
    this.#takesMs = [from, to]
  }

  /** @param frozen asked when an attempt would end: does the daemon stand still? */
  execute(host: number, order: AttemptOrder, frozen: () => boolean, ended: (outcome: Outcome) => void): void {
    const key = `${order.task}/${order.attempt}`
    const run: Run = {
      task: order.task,
      attempt: order.attempt,
      host,
      startedAt: this.#queue.now,
      end: 'running',
    }
    this.#runs.push(run)
    const finish = (outcome: Outcome): void => {
      if (run.end !== 'running') return
      run.end = outcome.ok ? 'succeeded' : outcome.error.code === 'CANCELLED' ? 'cancelled' : 'failed'
      this.#running.delete(key)
      ended(outcome)
    }
    this.#running.set(key, { run, finish })
    this.#endIn(this.#random.between(...this.#takesMs), order, frozen, finish)
  }

  #endIn(ms: number, order: AttemptOrder, frozen: () => boolean, finish: (outcome: Outcome) => void): void {
    this.#queue.in(ms, () => {
      if (order.type !== 'exec' && frozen()) this.#endIn(ms, order, frozen, finish)
      else finish(outcomeOf(order))
    })
  }

  cancel(task: TaskId, attempt: number): void {
    const error = { code: 'CANCELLED', message: 'cancelled' } as const
    const running = this.#running.get(`${task}/${attempt}`)
    this.#queue.in(1, () => running?.finish({ ok: false, error, retryable: false }))
  }

  /** The process died. */
  kill(): void {
    for (const { run } of this.#running.values()) run.end = 'killed'
    this.#running.clear()
  }
}

function outcomeOf(order: AttemptOrder): Outcome {
  if (order.type === 'unreliable' && order.attempt <= UNRELIABLE_FAILS) {
    return { ok: false, error: { code: 'THREW', message: `attempt ${order.attempt}` }, retryable: true }
  }
  return { ok: true, result: { ran: order.task } }
}

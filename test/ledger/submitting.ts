/** Hands tasks to random nodes at a steady pace, and again to another one when a node does not take it, with the same id. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../src/base/random.ts'
import { monotonicMs } from '../faults/started.ts'
import { copyOf } from './copies.ts'
import type { Answer, Shown } from './history.ts'
import { refusedForGood } from './judge.ts'
import type { Place } from './places.ts'
import type { Answered, Stations } from './stations.ts'

export interface SubmittingOptions {
  readonly stations: Stations
  readonly places: readonly Place[]
  readonly random: Random
  readonly tasks: number
  readonly perSecond: number
  /** Tasks of one key run one at a time. */
  readonly keys: number
  /** Share of tasks that are commands, 0 to 1; the others are requests to the application. */
  readonly commands: number
}

interface Task {
  readonly id: string
  readonly key: string
  readonly [field: string]: unknown
}

/** Hand-ins that wait for an answer at one time, at most: a client that is not answered does not ask without end. */
const UNDER_WAY_MAX = 256

/** Pause before a task is handed to another node, ms. */
const AGAIN_MS = { least: 50, most: 300 }

/** A cluster that takes no task for so long does not keep what it promises, ms. */
const PATIENCE_MS = 180_000

/** A run does nothing for so long, ms. */
const WORK_MS_MAX = 20

/** How often it is asked whether to go on, ms. */
const QUIET_MS = 20

/** Results are looked at so often while it all goes on, ms. */
const LOOK_MS = 100

const accepts = ({ status }: Answered): boolean => status === 202 || status === 200

export class Submitting {
  readonly answers: Answer[] = []
  readonly shown: Shown[] = []
  readonly accepted: string[] = []
  /** Answers other than an acceptance, by status and code. */
  readonly refusals = new Map<string, number>()
  readonly #options: SubmittingOptions
  readonly #underWay = new Set<Promise<void>>()
  #quiet = false
  #failure: unknown

  constructor(options: SubmittingOptions) {
    this.#options = options
  }

  /** Hands in nothing new while it is true. */
  quiet(quiet: boolean): void {
    this.#quiet = quiet
  }

  /** Ends when every task has been accepted, or refused for good. @throws when the cluster takes none for too long */
  async run(): Promise<void> {
    const { tasks, perSecond } = this.#options
    let due = monotonicMs()
    for (let number = 0; number < tasks && this.#failure === undefined; number++) {
      // What was held up is not made good for by a burst.
      due = Math.max(due + 1_000 / perSecond, monotonicMs())
      await pause(Math.max(0, due - monotonicMs()))
      while (this.#quiet) await pause(QUIET_MS)
      while (this.#underWay.size >= UNDER_WAY_MAX) await Promise.race(this.#underWay)
      this.#begin(number)
    }
    await Promise.all(this.#underWay)
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Asks random nodes for random tasks, and keeps which results are shown, until it is told to stop. */
  async look(going: () => boolean): Promise<void> {
    while (going()) {
      await pause(LOOK_MS)
      const task = this.#options.random.pick(this.accepted)
      if (task !== undefined) await this.lookAt(task)
    }
  }

  /** True when the node that was asked shows that it has succeeded. */
  async lookAt(task: string): Promise<boolean> {
    const { stations } = this.#options
    const node = this.#anyNode()
    const { status, body } = await stations.ask(node, 'GET', `/v1/tasks/${encodeURIComponent(task)}`)
    if (status !== 200) return false
    const { state, run } = copyOf(node, JSON.parse(body))
    if (state !== 'succeeded' || run === undefined) return false
    this.shown.push({ task, node, at: monotonicMs(), run })
    return true
  }

  #begin(number: number): void {
    const done = this.#handIn(this.#task(number))
      .catch(error => {
        this.#failure ??= error
      })
      .finally(() => this.#underWay.delete(done))
    this.#underWay.add(done)
  }

  async #handIn(task: Task): Promise<void> {
    const { stations, random } = this.#options
    const end = monotonicMs() + PATIENCE_MS
    for (;;) {
      const node = this.#anyNode()
      const answer = await stations.ask(node, 'POST', '/v1/tasks', task)
      const code = codeOf(answer)
      this.answers.push({
        task: task.id,
        key: task.key,
        node,
        at: monotonicMs(),
        status: answer.status,
        ...(code !== undefined && { code }),
      })
      if (accepts(answer)) return void this.accepted.push(task.id)
      const why = `${answer.status ?? 'no answer'} ${code ?? ''}`.trim()
      this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1)
      // The judge will say so.
      if (refusedForGood(answer.status)) return
      if (monotonicMs() > end)
        throw new Error(`${task.id} was not taken within ${PATIENCE_MS / 1_000} s: ${why}`)
      await pause(random.between(AGAIN_MS.least, AGAIN_MS.most))
    }
  }

  #task(number: number): Task {
    const { random, keys, commands, places } = this.#options
    const ms = random.below(WORK_MS_MAX)
    const port = random.pick(places)?.application
    const byCommand = { type: 'exec', payload: { command: 'act', args: [String(ms)] } }
    const byRequest = { type: 'http', payload: { url: `http://127.0.0.1:${port}/`, body: { ms } } }
    return {
      id: `ledger-${number}`,
      key: `ledger/${random.below(keys)}`,
      // What is broken is not the task's fault, and must not end it.
      maxAttempts: 100,
      backoffMs: 50,
      backoffMsMax: 1_000,
      timeoutMs: 30_000,
      ...(random.chance(commands) ? byCommand : byRequest),
    }
  }

  #anyNode(): string {
    const { random, places } = this.#options
    return random.pick(places)?.name ?? ''
  }
}

function codeOf({ status, body }: Answered): string | undefined {
  if (status === null || status < 400) return undefined
  return body.startsWith('{') ? (JSON.parse(body) as { code?: string }).code : undefined
}

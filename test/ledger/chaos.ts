/**
 * Breaks one or two nodes every few seconds, and mends them again. No more than two are broken at one time, and who is
 * broken counts until it is ready again: five of eight voters must be left, and the promise for lost disks is about so
 * many at once.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../src/base/random.ts'
import { metricOf } from '../bench/metric-of.ts'
import { monotonicMs } from '../faults/started.ts'
import type { FaultKind } from './history.ts'
import type { Nodes } from './nodes.ts'
import type { Stations } from './stations.ts'

export type Profile = 'disk-kept' | 'disk-lost' | 'two-lost'

export type Injected = Extract<FaultKind, 'kill' | 'disk-lost' | 'restart' | 'freeze' | 'cut'>

export interface Step {
  readonly kind: Injected
  readonly nodes: readonly string[]
  /** It stays broken for so long, ms. */
  readonly holdMs: number
}

export interface ChaosOptions {
  readonly nodes: Nodes
  readonly stations: Stations
  readonly random: Random
  readonly profile: Profile
  /** Whether anybody can be cut off here. */
  readonly cuts: boolean
  /** No new task while it is true: under load there is always a copy on its way. */
  readonly quiet: (quiet: boolean) => void
  readonly say: (text: string) => void
}

const BROKEN_MAX = 2

/** Pause between two steps, ms: every few seconds something breaks. */
const BETWEEN_MS = { least: 1_000, most: 3_000 }
const HOLD_MS = { least: 500, most: 6_000 }

/** Ready again after a start, at the very latest. */
const READY_MS = 300_000
const ASKED_MS = 200

/** Metrics of copies that are not where they should be yet: while one is above 0, no disk more may be lost. */
export const UNSAFE = [
  'records_unsafe',
  'records_short',
  'changes_uncounted',
  'replicas_pending',
  'takeover_active',
] as const

const KINDS: Readonly<Record<Profile, readonly Injected[]>> = {
  'disk-kept': ['kill', 'freeze', 'cut', 'restart'],
  'disk-lost': ['disk-lost'],
  'two-lost': ['disk-lost'],
}

/** What may happen to a node. @param cuts whether anybody can be cut off here */
export const kindsOf = (profile: Profile, cuts: boolean): readonly Injected[] =>
  KINDS[profile].filter(kind => kind !== 'cut' || cuts)

/** What to do next, drawn by chance; undefined when too much is broken already. */
export function nextStep(
  { random, profile, cuts }: Pick<ChaosOptions, 'random' | 'profile' | 'cuts'>,
  names: readonly string[],
  broken: ReadonlySet<string>,
): Step | undefined {
  const well = random.shuffle(names.filter(name => !broken.has(name)))
  const most = profile === 'disk-lost' ? 1 - broken.size : BROKEN_MAX - broken.size
  const wanted = profile === 'two-lost' ? 2 : 1 + random.below(2)
  const count = profile === 'two-lost' && most < wanted ? 0 : Math.min(wanted, most)
  const kind = random.pick(kindsOf(profile, cuts))
  if (count < 1 || kind === undefined) return undefined
  return {
    kind,
    nodes: well.slice(0, count),
    holdMs: Math.round(random.between(HOLD_MS.least, HOLD_MS.most)),
  }
}

export class Chaos {
  readonly #options: ChaosOptions
  readonly #broken = new Set<string>()
  readonly #under = new Set<Promise<void>>()
  readonly steps: Step[] = []
  #stopped = false
  /** `heal` mends all cuts at once, so there is one at a time. */
  #cut = false
  #failure: unknown

  constructor(options: ChaosOptions) {
    this.#options = options
  }

  /** Goes on until `stop`; then all are mended and ready when this settles. @throws what went wrong on the way */
  async run(): Promise<void> {
    const { nodes, random } = this.#options
    while (!this.#stopped && this.#failure === undefined) {
      await pause(random.between(BETWEEN_MS.least, BETWEEN_MS.most))
      if (this.#stopped) break
      const step = nextStep(this.#options, nodes.names, this.#broken)
      if (step === undefined || (step.kind === 'cut' && this.#cut)) continue
      this.#begin(step)
    }
    await Promise.all(this.#under)
    if (this.#failure !== undefined) throw this.#failure
  }

  stop(): void {
    this.#stopped = true
  }

  get failed(): boolean {
    return this.#failure !== undefined
  }

  #begin(step: Step): void {
    this.steps.push(step)
    for (const name of step.nodes) this.#broken.add(name)
    const done = this.#play(step)
      .catch(error => {
        this.#failure ??= error
      })
      .finally(() => {
        for (const name of step.nodes) this.#broken.delete(name)
        this.#under.delete(done)
      })
    this.#under.add(done)
  }

  async #play(step: Step): Promise<void> {
    const { nodes, say } = this.#options
    const from = monotonicMs()
    say(`${step.kind} ${step.nodes.join(' and ')} for ${step.holdMs} ms`)
    await this.#broke(step)
    const mended = monotonicMs()
    // What freezes or is cut off may come back to a cluster that has buried it; it counts as broken until it is ready.
    await Promise.all(step.nodes.map(name => this.ready(name)))
    const to = step.kind === 'freeze' || step.kind === 'cut' ? mended : monotonicMs()
    for (const name of step.nodes) nodes.record(step.kind, name, from, to)
    if (step.kind === 'disk-lost') await this.#replicated()
  }

  /** Broken and mended again. */
  async #broke({ kind, nodes: names, holdMs }: Step): Promise<void> {
    const { nodes } = this.#options
    switch (kind) {
      case 'kill':
      case 'disk-lost':
      case 'restart':
        await Promise.all(names.map(name => (kind === 'restart' ? nodes.stop(name) : nodes.kill(name))))
        if (kind === 'disk-lost') for (const name of names) nodes.loseDisk(name)
        await pause(holdMs)
        for (const name of names) nodes.start(name)
        return
      case 'freeze':
        for (const name of names) nodes.freeze(name)
        await pause(holdMs)
        for (const name of names) nodes.thaw(name)
        return
      case 'cut':
        this.#cut = true
        nodes.cutOff(names)
        await pause(holdMs)
        await nodes.heal()
        this.#cut = false
        return
      default:
        kind satisfies never
    }
  }

  /** Waits until a node says that it is ready. @throws when it does not */
  async ready(name: string): Promise<void> {
    const { stations, nodes } = this.#options
    let said = 'no answer'
    await eventually(
      async () => {
        const { status, body } = await stations.ask(name, 'GET', '/readyz')
        said = body
        if (nodes.ended.length > 0) throw new Error(`a daemon has ended by itself: ${nodes.ended.join('; ')}`)
        return status === 200
      },
      () => `${name} is ready; it said: ${said}`,
    )
  }

  /** Waits until every record is where it should be: a disk more may be lost then. */
  async #replicated(): Promise<void> {
    const { stations, nodes, quiet } = this.#options
    let left: readonly string[] = []
    quiet(true)
    try {
      await eventually(
        async () => {
          const all = await Promise.all(nodes.names.map(name => stations.ask(name, 'GET', '/metrics')))
          left = all.flatMap(({ status, body }, i) => {
            const texts = status === 200 ? unsafeOf(body) : [`answers ${status}`]
            return texts.map(text => `${nodes.names[i]} ${text}`)
          })
          return left.length === 0
        },
        () => `every record has its copies; left: ${left.join(', ')}`,
      )
    } finally {
      quiet(false)
    }
  }
}

/** Metrics of a daemon that say that a copy is missing somewhere. @throws when it does not have one of them */
function unsafeOf(metrics: string): readonly string[] {
  return UNSAFE.flatMap(name => {
    const value = metricOf(metrics, `roundtable_${name}`)
    return value > 0 ? [`${name} ${value}`] : []
  })
}

async function eventually(holds: () => Promise<boolean>, what: () => string): Promise<void> {
  const end = monotonicMs() + READY_MS
  while (!(await holds())) {
    if (monotonicMs() > end) throw new Error(`waited ${READY_MS / 1_000} s in vain until ${what()}`)
    await pause(ASKED_MS)
  }
}

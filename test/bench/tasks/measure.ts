/** One round of one queue: the same steps in the same order for each of them. */
import { setTimeout as pause } from 'node:timers/promises'
import { spread } from '../submitter.ts'
import { monotonicMs, type Subject, until } from './subject.ts'

export interface Sizes {
  readonly jobs: number
  readonly singles: number
  readonly halfSeconds: number
}

export interface Figures {
  readonly name: string
  /** Jobs a second; null: it cannot. */
  readonly bulkPerS: number | null
  readonly drainPerS: number
  readonly singlesPerS: number
  /** Of the single adds alone, until the last was acknowledged. */
  readonly addsPerS: number
  /** From add to start into an idle queue, ms, sorted. */
  readonly startMs: readonly number[]
  /** Processor ms of servers and workers for each job: while single adds go on, and while a backlog is drained. */
  readonly singleCpuMs: number
  readonly drainCpuMs: number
  /** Worst p99 of an event loop while jobs come half as fast as the single adds did, ms. */
  readonly halfLoadDelayMs?: number
  readonly halfLoadPerS?: number
  /** Copies that our acknowledgements told of, on average. */
  readonly copies?: number
}

export interface Measured extends Figures {
  readonly queue: string
  readonly round: number
  readonly fsyncMs: readonly number[]
}

/** Jobs in one call that adds many, and such calls at one time. */
const BULK = 500
const BULKS_UNDER_WAY = 4
/** Single adds at one time. */
const SINGLES_UNDER_WAY = 50
/** One who waits for a backlog looks at it so often, ms. */
const LOOKS_MS = 50
const DONE_MS = 600_000
/** Each worker process compiles what it runs often: a queue that has just been started is a third as fast as it will be. */
const WARM_UP = 20_000
const WARM_UP_UNDER_WAY = 200
/** At half load jobs come in bursts so far apart, ms: timers are not finer. */
const BURST_MS = 10

export async function measure(subject: Subject, { jobs, singles, halfSeconds }: Sizes): Promise<Figures> {
  await spread(WARM_UP, WARM_UP_UNDER_WAY, () => subject.add())
  await ended(subject, WARM_UP)
  const backlog = await bulkAndDrain(subject, jobs)
  const single = await singlesToTheEnd(subject, jobs)
  const startMs: number[] = []
  for (let i = 0; i < singles; i++) {
    startMs.push(await subject.addToStart())
    await pause(5 + Math.random() * 5)
  }
  startMs.sort((a, b) => a - b)
  const half = await halfLoad(subject, single.singlesPerS / 2, halfSeconds)
  const copies = subject.copiesTold?.()
  return {
    name: subject.name,
    ...backlog,
    ...single,
    startMs,
    ...half,
    ...(copies !== undefined && { copies }),
  }
}

const addSingles = (subject: Subject, jobs: number): Promise<void> =>
  spread(jobs, SINGLES_UNDER_WAY, () => subject.add())

async function bulkAndDrain(subject: Subject, jobs: number) {
  const before = await subject.done()
  await subject.hold()
  const added = monotonicMs()
  let bulkPerS: number | null = null
  try {
    const calls = Math.ceil(jobs / BULK)
    await spread(calls, BULKS_UNDER_WAY, i => subject.addBulk(Math.min(BULK, jobs - i * BULK)))
    bulkPerS = perSecond(jobs, added)
  } catch (error) {
    // There is a backlog to drain all the same.
    console.error(`  bulk add: ${(error as Error).message}`)
    await addSingles(subject, jobs)
  }
  const [released, cpu] = [monotonicMs(), subject.cpuSeconds()]
  await subject.release()
  await ended(subject, before + jobs)
  return {
    bulkPerS,
    drainPerS: perSecond(jobs, released),
    drainCpuMs: ((subject.cpuSeconds() - cpu) * 1_000) / jobs,
  }
}

async function singlesToTheEnd(subject: Subject, jobs: number) {
  const before = await subject.done()
  const [from, cpu] = [monotonicMs(), subject.cpuSeconds()]
  await addSingles(subject, jobs)
  const addsPerS = perSecond(jobs, from)
  await ended(subject, before + jobs)
  return {
    singlesPerS: perSecond(jobs, from),
    addsPerS,
    singleCpuMs: ((subject.cpuSeconds() - cpu) * 1_000) / jobs,
  }
}

/** Adds at a steady pace, whether or not the queue keeps up. Nothing for those whose event loops nobody can see. */
async function halfLoad(subject: Subject, perS: number, seconds: number) {
  if (subject.loopDelayP99Ms === undefined) return {}
  await subject.loopDelayP99Ms() // From here on.
  const from = monotonicMs()
  const added: Promise<void>[] = []
  let failure: unknown
  const add = (): Promise<void> =>
    subject.add().catch(error => {
      failure ??= error
    })
  while (monotonicMs() - from < seconds * 1_000) {
    const due = ((monotonicMs() - from) * perS) / 1_000
    while (added.length < due) added.push(add())
    await pause(BURST_MS)
  }
  await Promise.all(added)
  if (failure !== undefined) throw failure
  const halfLoadPerS = perSecond(added.length, from)
  return { halfLoadDelayMs: await subject.loopDelayP99Ms(), halfLoadPerS }
}

const ended = (subject: Subject, count: number): Promise<void> =>
  until(`${count} jobs have ended`, async () => (await subject.done()) >= count, DONE_MS, LOOKS_MS)

const perSecond = (jobs: number, from: number): number => (jobs * 1_000) / (monotonicMs() - from)

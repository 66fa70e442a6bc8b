/**
 * kill -9 of one daemon in the middle of its work, and what the others make of it.
 *
 * The victim goes when half of its own tasks are done. When a survivor believes it dead is read in the survivor's log,
 * which costs it nothing at the very moment that is measured. The victim comes back, on the same directory and ports,
 * once all have noticed and none is still taking over. What it had written in its book is read before the others tell it
 * how the story went on.
 */
import { CodedError } from '../../base/errors.ts'
import type { TaskRecord } from '../../tasks/task.ts'
import { type Kill, readBook, type TaskStory } from './books.ts'
import type { DaemonProcess, NodePlan } from './daemon-process.ts'
import type { Fleet } from './fleet.ts'
import { inAgreement, ownedBy, type Sample, settledBy, type Watch } from './watch.ts'

/** Time between two looks while something is about to happen, in ms. */
const AIM_MS = 50

/** A survivor that has not noticed by then is reported as one that did not, in ms. */
const NOTICE_MS_MAX = 15_000

export interface Havoc {
  readonly kill: Kill
  readonly victim: NodePlan
  /** What the victim owned just before. */
  readonly owned: readonly TaskRecord[]
  /** Its book as it was on its disk. */
  readonly book: readonly TaskRecord[]
  /** Attempts it had counted as started when last asked. */
  readonly startedBefore: number
  /** For each survivor, ms from the kill to the log line that calls it dead. */
  readonly noticedMs: Readonly<Record<string, number | undefined>>
  /** From its start to its API, and to all nodes in agreement again. */
  readonly listeningMs: number
  readonly agreementMs: number
}

/** @throws CodedError `CHAOS_TOO_LATE` when the job ends too soon */
export async function wreak(
  fleet: Fleet,
  watch: Watch,
  tasks: number,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<Havoc> {
  const plan = fleet.plans[Math.floor(fleet.plans.length / 2)] as NodePlan
  const victim = fleet.processes.find(process => process.plan === plan) as DaemonProcess
  await watch.until('every node being ready', inAgreement, AIM_MS)
  const owned = await readBook(fleet.client(plan), 'owned')
  const sample = await watch.until('the victim getting to work', isHalfDone(plan, tasks), AIM_MS)
  const before = sampleOf(sample, plan)
  if (settledBy(before) >= ownedBy(before)) {
    const detail = `${plan.name} had done all of its ${ownedBy(before)} tasks. Give them more to do: --count.`
    throw new CodedError('CHAOS_TOO_LATE', detail)
  }
  const survivors = fleet.processes.filter(process => process !== victim)
  const at = Date.now()
  const noticing = survivors.map(process => noticedAfter(process, { node: plan.name, at }, signal))
  await fleet.kill(victim)
  const kill = { node: plan.name, at, goneAt: Date.now() }
  say(`killed ${plan.name} (kill -9) with ${settledBy(before)} of its ${ownedBy(before)} tasks done`)
  const noticed = await Promise.all(noticing)
  await watch.until('the takeover', others => hasTakenOver(others, plan), AIM_MS)
  const restarted = performance.now()
  await fleet.restart(plan)
  const listeningMs = performance.now() - restarted
  const book = await readBook(fleet.client(plan), 'ran')
  say(`${plan.name} is back`)
  await watch.until('the agreement after the restart', inAgreement)
  return {
    kill,
    victim: plan,
    owned,
    book,
    startedBefore: before.status?.tasks.started ?? 0,
    noticedMs: Object.fromEntries(survivors.map((process, index) => [process.plan.name, noticed[index]])),
    listeningMs,
    agreementMs: performance.now() - restarted,
  }
}

const sampleOf = (sample: Sample, plan: NodePlan) => {
  const found = sample.nodes.find(node => node.plan === plan)
  return found ?? { plan, status: undefined, share: undefined }
}

const isHalfDone = (plan: NodePlan, tasks: number) => (sample: Sample) => {
  const node = sampleOf(sample, plan)
  const over = sample.nodes.reduce((sum, each) => sum + settledBy(each), 0) >= tasks
  return over || (ownedBy(node) > 0 && settledBy(node) * 2 >= ownedBy(node))
}

/** Nobody counts the victim in, and nobody waits for what others hold. */
const hasTakenOver = (sample: Sample, victim: NodePlan): boolean =>
  sample.nodes.every(
    ({ plan, status }) =>
      plan === victim || (status?.ring.members === sample.nodes.length - 1 && !status.tasks.takingOver),
  )

/** @returns `undefined` when it did not notice in time */
async function noticedAfter(
  survivor: DaemonProcess,
  kill: Pick<Kill, 'node' | 'at'>,
  signal: AbortSignal,
): Promise<number | undefined> {
  const noticed = Promise.withResolvers<number | undefined>()
  const giveUp = () => noticed.resolve(undefined)
  const timer = setTimeout(giveUp, NOTICE_MS_MAX)
  signal.addEventListener('abort', giveUp, { once: true })
  const stopReading = survivor.onEvent(({ event, member, time }) => {
    if (event === 'member-dead' && member === kill.node) noticed.resolve(Date.parse(String(time)) - kill.at)
  })
  try {
    return await noticed.promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    stopReading()
  }
}

export interface Takeover {
  /** Tasks of the victim that others started after the kill. */
  readonly tasks: number
  /** From the kill to the first and the last start of one of them elsewhere, in ms. */
  readonly firstStartMs: number | undefined
  readonly lastStartMs: number | undefined
}

/** How the victim's tasks went on elsewhere, from the stories of all. */
export function takeoverOf(havoc: Havoc, stories: ReadonlyMap<string, TaskStory>): Takeover {
  const starts = havoc.owned.flatMap(({ spec }) => {
    const attempts = stories.get(spec.id)?.attempts ?? []
    const first = attempts.find(
      ({ node, startedAt }) => node !== havoc.victim.name && startedAt >= havoc.kill.at,
    )
    return first === undefined ? [] : [first.startedAt - havoc.kill.at]
  })
  return {
    tasks: starts.length,
    firstStartMs: starts.length === 0 ? undefined : Math.min(...starts),
    lastStartMs: starts.length === 0 ? undefined : Math.max(...starts),
  }
}

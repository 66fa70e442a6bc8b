/**
 * Holds schedules to what they promise in quorum mode, at the end of a run: whatever happened to their owners, every slot up to
 * where they are decided was made, or is listed as missed, and never both; they are counted as they are; and they go on.
 * That the task of a slot runs as any task does, and no more once it was told that it succeeded, `TaskJudge` sees.
 */
import type { Effect } from '../../src/node/machine.ts'
import type { Node } from '../../src/node/node.ts'
import { isSchedule, type ScheduleRecord, scheduleIdOf, slotTaskId } from '../../src/tasks/schedules/state.ts'
import { slotsAfter } from '../../src/tasks/schedules/timing.ts'
import type { Cluster } from './cluster.ts'
import type { Findings } from './findings.ts'
import { mayWaitForGone } from './lone-rings.ts'
import type { JudgeParts, Promised } from './promised.ts'
import type { Schedule } from './schedule.ts'
import type { Tally } from './tally.ts'
import type { Host } from './world.ts'

/** At the end the last slot is decided at most so long ago, in ms, besides its interval. */
const BEHIND_MS_MAX = 4_000
const SLOTS_MAX = 10_000

export class SlotJudge {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #findings: Findings
  readonly #tally: Tally
  readonly #promised: Promised

  constructor({ cluster, schedule, findings, promised }: JudgeParts, tally: Tally) {
    this.#promised = promised
    this.#cluster = cluster
    this.#schedule = schedule
    this.#findings = findings
    this.#tally = tally
  }

  effect(effect: Effect): void {
    if (effect.kind !== 'log') return
    if (effect.event === 'slot-run') this.#tally.count('slots made')
    if (effect.event === 'slot-missed')
      this.#tally.count(`slots missed, ${effect.fields['reason']}`, Number(effect.fields['count']))
  }

  checkEnd(): void {
    const { hosts } = this.#cluster.world
    const { mode, durability } = this.#schedule
    if (
      mode !== 'quorum' ||
      this.#cluster.lossesAtOnce >= durability ||
      hosts.some(host => host.process === undefined)
    )
      return
    for (const { name } of this.#schedule.slots.configured) {
      const owner = hosts.find(host => this.#cluster.nodeOf(host)?.ring.owner(name) === host.name)
      const node = owner && this.#cluster.nodeOf(owner)
      if (owner === undefined || node === undefined || !this.#promised.isKept(name)) continue
      const waits = node.tasks.takeoverOf(name)?.complete === false && mayWaitForGone(hosts, durability)
      if (waits) this.#tally.count('schedules that wait for one that was alone')
      else if (isApart(node)) this.#tally.count('schedules whose owner has another time')
      else this.#checkOne(name, owner, node)
    }
  }

  #checkOne(name: string, owner: Host, node: Node): void {
    const record = node.tasks.get(scheduleIdOf(name))
    if (record === undefined || !isSchedule(record)) {
      this.#findings.fail('schedules go on', owner.name, `${name} is not there`)
      return
    }
    this.#checkSlots(name, owner, record)
    const { ordered, decided } = record.schedule
    const { wall } = owner.clock.at(this.#cluster.world.now)
    const { timing } = ordered.definition
    const everyMs = 'everyMs' in timing ? timing.everyMs : 0
    const behindMs = Math.round(wall - decided.to)
    this.#tally.worst('ms that a schedule was behind at the end', ordered.paused ? 0 : behindMs)
    if (ordered.paused || behindMs <= everyMs + BEHIND_MS_MAX) return
    this.#findings.fail('schedules go on', owner.name, `${name} is decided to ${behindMs} ms ago`)
  }

  /** Since the last order: what it let fall was never due. */
  #checkSlots(name: string, owner: Host, { schedule: { ordered, decided } }: ScheduleRecord): void {
    const slots = slotsAfter(ordered.definition.timing, ordered.at, SLOTS_MAX, () => undefined)
    const due = slots.filter(slot => slot <= decided.to)
    this.#tally.count('slots judged', due.length)
    const { made, missed, lately } = decided
    if (ordered.version === 1 && made + missed !== due.length) {
      const detail = `${name}: ${made} made and ${missed} missed of ${due.length} that were due`
      this.#findings.fail('a slot is made or missed', owner.name, detail)
    }
    for (const slot of due) {
      const task = slotTaskId(name, slot)
      const listed = lately.some(({ from, to }) => from <= slot && slot <= to)
      const is = this.#isThere(task)
      if (is === listed && !(this.#schedule.work.forgetful && !is))
        this.#findings.fail('a slot is made or missed', owner.name, `${task} is ${is ? 'both' : 'neither'}`)
    }
  }

  #isThere(task: string): boolean {
    const { hosts, collector } = this.#cluster.world
    return (
      hosts.some(({ disk }) => disk.rows('tasks').has(task)) || collector.runs.some(run => run.task === task)
    )
  }
}

const isApart = (node: Node): boolean =>
  node.tasks
    .metrics()
    .some(({ name, samples }) => name === 'schedules_clock_apart' && samples[0]?.value === 1)

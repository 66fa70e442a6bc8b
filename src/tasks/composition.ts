/**
 * Makes the parts of a node's tasks, and gives each those others that it needs and no more. What happens when stands in
 * `Tasks`, which holds them; here is only who knows whom.
 */
import type { NodeId } from '../base/ids.ts'
import type { WallMs } from '../base/time.ts'
import { Account } from './account.ts'
import { AntiEntropy } from './anti-entropy.ts'
import { Confirmations } from './confirmations.ts'
import { Conflicts } from './conflicts.ts'
import { Counters } from './counts.ts'
import { Covering } from './covering.ts'
import { Desk } from './desk.ts'
import { DroppedEnds } from './dropped-ends.ts'
import { Durability, stampsOf } from './durability.ts'
import type { Step } from './effects.ts'
import { Execution } from './execution.ts'
import { Expiry } from './expiry.ts'
import { Forwarding } from './forwarding.ts'
import { Handoffs } from './handoffs.ts'
import { Hearing } from './hearing.ts'
import type { TasksInit } from './init.ts'
import { Inventories } from './inventory.ts'
import { Kept } from './kept.ts'
import { type Leaving, Leftovers } from './leftovers.ts'
import { limitsOf } from './limits.ts'
import { Lists } from './lists.ts'
import { Losses } from './losses.ts'
import { Missing } from './missing.ts'
import { Offers } from './offers.ts'
import { openRight } from './open-right.ts'
import { Placing } from './placing.ts'
import { Records, withoutCount } from './records.ts'
import { Replication } from './replication.ts'
import type { Epochs } from './right.ts'
import { Schedule } from './schedule.ts'
import { HeldSchedules } from './schedules/held.ts'
import { type Entry, Table } from './table.ts'
import { Takeover } from './takeover.ts'
import type { TaskRecord } from './task.ts'
import { View } from './view.ts'
import { Work } from './work.ts'

/** Before the node takes part, while it does, and after it was told to leave. */
export type Phase = 'closed' | 'open' | 'leaving'

/** What the parts read of the machine that they are parts of. */
interface Machine {
  readonly phase: () => Phase
  /** The wall clock of the step under way. */
  readonly wall: () => WallMs
}

export type Parts = ReturnType<typeof compose>

/** The order in which the parts draw from `init.random` is part of what a seed replays. */
export function compose(init: TasksInit, { phase, wall }: Machine) {
  const { self, config, check, random, types, sawEnd = () => false, serving = () => [], disk } = init
  const view = new View(self, init.replicas)
  const table = new Table(self)
  const limits = limitsOf(config, types, init.typeLimits)
  const offers = new Offers(init.claimTypes)
  const schedule = new Schedule(limits, offers)
  const counters = new Counters()
  const right = init.right ?? openRight(wall)
  const { epochs } = right
  const stamps = stampsOf(view, right, (entry, step): Leaving => leftovers.leaving(entry, step))
  const start = random.uint32()
  const replication = new Replication(table, counters, start, stamps)
  const conflicts = new Conflicts(view, replication, counters, epochs)
  const dropped = new DroppedEnds(right)
  const counting = { view, table, replication, counters, config, right, conflicts, disk, dropped }
  // Absent where nothing is in quorum mode.
  const durability = epochs && new Durability({ ...counting, epochs, fences: init.fences ?? [] })
  const takeover = new Takeover(view, random.fork(), config.inventoryMs, durability?.completeness)
  const forwarding = new Forwarding(view, counters, config.forwardMs, random, epochs)
  const confirmations = new Confirmations(right, counters)
  const kept = new Kept(view, schedule, replication)
  const handoffs = new Handoffs()
  const records = new Records(view, table, replication, handoffs, durability)
  const known = { view, table, schedule, replication, counters, config, right, offers, conflicts, dropped }
  const shared = { ...known, copies: durability?.copies, records, kept, handoffs, takeover, limits }
  const putBack = (entry: Entry, step: Step): void => work.putBack(entry, step)
  const execution = new Execution({ ...shared, random: random.fork(), putBack })
  const leftovers = new Leftovers(shared)
  const expiry = new Expiry({ ...shared, leftovers })
  const losses = new Losses({ ...shared, sawEnd })
  const covering = new Covering({ ...shared, leftovers })
  const work = new Work({ ...shared, execution, expiry, losses, leftovers, covering })
  const noting = epochs && durability && { epochs, fences: durability.fences }
  const inventories = new Inventories({ ...shared, start, counted: noting, sizes: init.answerSizes })
  const antiEntropy = new AntiEntropy({ ...shared, leftovers })
  const lists = new Lists(table, schedule, counters, handoffs, records.deadlines)
  const placing = new Placing({ ...shared, work, leftovers, fences: durability?.fences, phase })
  const schedules = new HeldSchedules({
    ...shared,
    check,
    serving,
    work,
    leftovers,
    phase,
    disk,
    nextSlot: init.nextSlot,
  })
  const faces = { check, serving, phase, disk, types, schedules, forwarding, confirmations, random }
  const desk = new Desk({ ...shared, ...faces, work, leftovers, execution, placing })
  const hearers = { inventories, antiEntropy, placing, durability, work, covering, leftovers, desk }
  const hearing = new Hearing({ ...shared, ...hearers })
  const account = new Account({ ...shared, ...faces, durability, expiry })
  const inherited = init.records.map(record => inherit(record, table, self, epochs))
  const told = { view, table, offers, schedule, right, replication, durability, confirmations, kept, records }
  const acting = { execution, takeover, inventories, antiEntropy, lists, work, desk, placing, expiry }
  const missing = new Missing(schedule, limits, serving)
  return { ...told, ...acting, missing, schedules, account, hearing, inherited }
}

/**
 * That others have it is known when they say so: the process before this one may have ended before it had sent what it wrote. As each
 * node begins alone, nobody would be believed to have it anyway, but for what there was no time to place before others were seen.
 */
function inherit(record: TaskRecord, table: Table, self: NodeId, epochs: Epochs | undefined): Entry {
  const isCounted = epochs?.isQuorum(record.spec.key) === true
  const entry = table.add(isCounted ? record : withoutCount(record))
  entry.copies = []
  if (isCounted) entry.safe = [self]
  return entry
}

/** Why an unfinished task does not run at this moment, as the node that is asked sees it. Reads only. */
import type { NodeId } from '../base/ids.ts'
import type { Instant, WallMs } from '../base/time.ts'
import type { TasksConfig } from './config.ts'
import type { Copies } from './copies.ts'
import type { Limits } from './limits.ts'
import { isSettled } from './merge.ts'
import { leaveNow, type Right } from './right.ts'
import type { Rival } from './rivals.ts'
import type { Schedule } from './schedule.ts'
import type { Entry } from './table.ts'
import type { Takeover } from './takeover.ts'
import type { View } from './view.ts'
import { saidOf } from './wanted.ts'

export interface Waiting {
  readonly code:
    | 'not-owner'
    | 'node-not-open'
    | 'takeover'
    | 'run-at'
    | 'retry-pause'
    | 'id-contested'
    | 'runs-elsewhere'
    | 'no-leave'
    | 'no-executor'
    | 'key-order'
    | 'key-busy'
    | 'type-limit'
    | 'group-limit'
    | 'no-claimer'
    | 'slots'
  /** One sentence for people. */
  readonly detail: string
}

export interface WaitingParts {
  readonly view: View
  readonly schedule: Schedule
  readonly takeover: Takeover
  readonly right: Right
  readonly limits: Limits
  readonly config: TasksConfig
  readonly phase: () => 'closed' | 'open' | 'leaving'
  readonly serving: (type: string) => readonly NodeId[]
  /** Where copies are counted in quorum mode. */
  readonly copies?: Copies | undefined
}

/** Undefined: it runs here, is settled, or starts at once. */
export function whyWaiting(entry: Entry, parts: WaitingParts, now: Instant): Waiting | undefined {
  const { view, schedule, phase } = parts
  const { record, place, owner } = entry
  if (isSettled(record) || place === 'here') return undefined
  if (owner !== view.self) {
    return said(
      'not-owner',
      owner === undefined ? 'no node owns its key now' : `${owner} owns its key: ask there`,
    )
  }
  if (phase() !== 'open') return said('node-not-open', `this node starts nothing: it ${STILL[phase()]}`)
  if (place === 'gated') return takingOver(entry, parts)
  if (place === 'elsewhere') {
    return said(
      'runs-elsewhere',
      `an attempt that began before still runs on ${schedule.elsewhere.get(entry)}`,
    )
  }
  if (place === 'delayed') {
    if (record.state === 'retrying') return pause(record.notBefore)
    if (parts.copies?.isBarred(entry) === true) return contested(parts.copies.rivalOf(entry))
    // What was barred a moment ago waits for no time of its own, but for the next look.
    return entry.dueAt === record.spec.runAt ? runAt(record.spec.runAt) : contested(undefined)
  }
  return place === 'queued' ? (whyBarred(entry, parts, now) ?? whyQueued(entry, parts)) : undefined
}

/** Its owner may not start it, whatever else may be in the way. */
const TAKING_OVER = {
  code: 'takeover',
  detail: 'its key is new here, and who held it before is still being asked',
} as const satisfies Waiting

const NO_LEAVE = {
  code: 'no-leave',
  detail: 'this node owns its key and waits for leave of a quorum of the voters to act for it',
} as const satisfies Waiting

const STILL = { closed: 'is still joining', open: '', leaving: 'leaves the cluster' } as const

const said = (code: Waiting['code'], detail: string): Waiting => ({ code, detail })

const runAt = (at: WallMs | undefined): Waiting =>
  said('run-at', `it is to start at ${at} (ms since 1970), no sooner`)

const pause = (until: WallMs | undefined): Waiting =>
  said(
    'retry-pause',
    `its last attempt failed, and the pause before the next ends at ${until} (ms since 1970)`,
  )

const contested = (rival: Rival | undefined): Waiting =>
  said(
    'id-contested',
    rival === undefined
      ? 'nodes that are to hold it had another task with its id; it is about to be looked at again'
      : `too few can hold it: node ${rival[0]} has another task with its id, under key ${JSON.stringify(rival[1])}`,
  )

/** The queue only knows of it for keys that it has tried to start something of, and not which of both it is. */
function whyBarred(entry: Entry, parts: WaitingParts, now: Instant): Waiting | undefined {
  if (leaveNow(parts.right, entry.key, now) === undefined) return NO_LEAVE
  return parts.takeover.gates(entry.key) ? takingOver(entry, parts) : undefined
}

/** Where the key is complete, and only this task is not known to go on, the sentence for all must do. */
function takingOver({ key }: Entry, { takeover }: WaitingParts): Waiting {
  const wanted = takeover.gates(key) ? takeover.wanted(key) : undefined
  return wanted === undefined ? TAKING_OVER : said('takeover', `${TAKING_OVER.detail}: ${saidOf(wanted)}`)
}

function whyQueued(entry: Entry, { schedule, limits, config, serving }: WaitingParts): Waiting | undefined {
  const { key, demand } = entry
  const { type, group = '', groupLimit } = demand
  const obstacle = schedule.obstacle(entry)
  switch (obstacle) {
    case 'leave':
      // It may be acted for again, and is about to be offered.
      return undefined
    case 'executor': {
      const others = serving(type)
      const who = others.length === 0 ? 'nor has any living node' : `these have one: ${others.join(', ')}`
      return said('no-executor', `this node owns its key and has no executor of type ${type}; ${who}`)
    }
    case 'key-order':
      return said('key-order', `another task of key ${JSON.stringify(key)} comes first, by priority or age`)
    case 'key-busy':
      return said('key-busy', `another task of key ${JSON.stringify(key)} runs`)
    case 'group-limit': {
      const max = Math.min(limits.ofGroup(group), groupLimit ?? Number.POSITIVE_INFINITY)
      return said('group-limit', `${max} of group ${group} may run at one time, and do`)
    }
    case 'type-limit':
      return said('type-limit', `${limits.ofType(type)} of type ${type} may run here at one time, and do`)
    case 'claim':
      return said('no-claimer', `no client waits at this node, its owner, for tasks of type ${type}`)
    case 'slot': {
      const used = `${schedule.executing} of ${config.concurrency} slots of this node are in use`
      const ahead = schedule.noted === 0 ? '' : `, ${schedule.noted} attempts are to begin before it`
      return said('slots', `${used}${ahead}, and its turn comes`)
    }
    default:
      return obstacle satisfies never
  }
}

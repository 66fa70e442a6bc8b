/**
 * A world whose hosts run real nodes: what the daemon does around the core (identity, boot number, seeds, the task list
 * read at start, what the store held) is done here the same way, on virtual time.
 */

import { cronSlots } from '../../src/adapters/system/cron.ts'
import { hash32 } from '../../src/base/hash.ts'
import { asNodeId, asRequestId, asTaskId } from '../../src/base/ids.ts'
import { Random } from '../../src/base/random.ts'
import type { Now } from '../../src/base/time.ts'
import { CLOCK_RATE_MARGIN, type GrantsConfig, grantsDefaults } from '../../src/grants/config.ts'
import type { StoredNotes, VoterList } from '../../src/grants/messages.ts'
import { type MembershipConfig, membershipDefaults } from '../../src/membership/config.ts'
import type { MemberRecord } from '../../src/membership/member.ts'
import type { ControlRequest } from '../../src/node/control.ts'
import type { NodeInit } from '../../src/node/init.ts'
import { Node } from '../../src/node/node.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { type TasksConfig, tasksDefaults } from '../../src/tasks/config.ts'
import { fencesOf } from '../../src/tasks/fences.ts'
import { orderSpec } from '../../src/tasks/schedules/orders.ts'
import type { ScheduleDefinition } from '../../src/tasks/schedules/state.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { Answers } from './answers.ts'
import type { ClockOptions } from './clock.ts'
import { REAP_MS_MAX } from './executor.ts'
import type { Process } from './process.ts'
import { CLAIM_TYPE } from './work.ts'
import { type Host, nameOf, World } from './world.ts'

const nextSlot = cronSlots()

export interface ClusterOptions {
  readonly seed: number
  readonly hosts: readonly {
    readonly clock?: ClockOptions
    readonly seeds: readonly number[]
    readonly joinDelayMs?: number
  }[]
  /** The task list that every node has. */
  readonly list: readonly TaskSpec[]
  /** The schedules that every node has in its configuration. */
  readonly schedules?: readonly ScheduleDefinition[]
  readonly membership?: Partial<MembershipConfig>
  /** What the next process on a host is born with in place of the usual: another name, another cluster. */
  readonly bornWith?: (host: Host) => Partial<NodeInit>
  readonly grants?: Partial<GrantsConfig>
  readonly tasks?: Partial<TasksConfig>
  /** Default: as they are outside. */
  readonly answers?: Answers | undefined
}

/** What one node believes, read without asking it to do anything. */
export interface Belief {
  readonly self: MemberRecord
  readonly members: readonly MemberRecord[]
  readonly ringChecksum: string
}

/**
 * A tenth of the default: here every node of the cluster builds every ring, which took a quarter of the time, and
 * nothing under test depends on how evenly keys are spread.
 */
const VNODES = 10
/** Cores of a simulated host: its executor's concurrency. */
export const CORES = 2
/** Keys of tasks; few, so that each has many owners in a run. */
const KEYS = 16
/** With `trustRefused` a killed daemon's work may be granted to another before its runner has reaped it. */
const REAP_EXCEPTION_MS = REAP_MS_MAX + 1

export class Cluster {
  readonly world: World
  readonly grants: GrantsConfig
  /** Of the disks that were lost, so many when what they had was confirmed to lie on others. */
  lossesConfirmed = 0
  readonly #options: ClusterOptions
  readonly #nodes = new WeakMap<Process, Node>()
  readonly #random: Random
  #made: Node | undefined
  #requests = 0

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#random = new Random(options.seed + 1)
    this.world = new World(options.seed, (host, now) => this.#makeNode(host, now))
    for (const [index, { clock }] of options.hosts.entries()) this.world.addHost(`n${index + 1}`, clock)
    this.world.started = (host, process) => this.#started(host, process)
    if (options.answers !== undefined) this.world.network.isLost = options.answers.isLost
    this.grants = { ...grantsDefaults(), ...options.grants }
    this.world.exceptSuspendedMs = this.grants.promiseMs * CLOCK_RATE_MARGIN
    if (this.grants.trustRefused) this.world.exceptReapMs = REAP_EXCEPTION_MS
  }

  /** The node that runs on a host; undefined when nothing does. */
  nodeOf(host: Host): Node | undefined {
    return host.process && this.#nodes.get(host.process)
  }

  nodeIn(process: Process): Node | undefined {
    return this.#nodes.get(process)
  }

  belief(host: Host): Belief | undefined {
    const node = this.nodeOf(host)
    if (node === undefined) return undefined
    const { membership } = node
    return { self: membership.self, members: membership.roster.records(), ringChecksum: node.ring.checksum }
  }

  /** Disks lost in the whole run. */
  get disksLost(): number {
    return this.world.hosts.reduce((sum, { disk }) => sum + disk.wipes, 0)
  }

  /** Disks lost since that was confirmed last: of these `copies - 1` are borne. */
  get lossesAtOnce(): number {
    return this.disksLost - this.lossesConfirmed
  }

  /** A task as an application would submit it. */
  submit(host: Host, number: number): void {
    const process = host.process
    if (process === undefined) return
    const spec = makeSpec(`api-${number}`, number)
    process.receive({
      kind: 'request',
      id: asRequestId(`r${++this.#requests}`),
      request: { kind: 'submit', spec },
    })
  }

  /** The schedules of the whole cluster, as the node on a host lists them. Returns the name of the request. */
  listSchedules(host: Host, limit: number, after = ''): string {
    const id = asRequestId(`r${++this.#requests}`)
    host.process?.receive({ kind: 'list-schedules', id, query: { after, limit } })
    return id
  }

  /** Pauses or resumes a schedule, through the node on a host. False when nothing runs there. */
  orderSchedule(host: Host, name: string, op: 'pause' | 'resume'): boolean {
    const id = asRequestId(`r${++this.#requests}`)
    host.process?.receive({ kind: 'request', id, request: { kind: 'submit', spec: orderSpec(name, { op }) } })
    return host.process !== undefined
  }

  /** What an operator asks of the node on a host. False when nothing runs there. */
  control(host: Host, request: ControlRequest): boolean {
    const process = host.process
    if (process === undefined) return false
    process.receive({ kind: 'control', id: asRequestId(`r${++this.#requests}`), request })
    return true
  }

  #makeNode(host: Host, now: Now): Node {
    const plan = this.#options.hosts[host.index]
    const rows = host.disk.rows('tasks')
    const kept = host.disk.rows('grants')
    const node = new Node(
      {
        nodeId: asNodeId(host.name),
        peerId: host.peer,
        cluster: 'simulated',
        version: '0.0.0',
        incarnation: host.disk.incarnation,
        boot: host.disk.boot,
        addresses: [host.address],
        seeds: (plan?.seeds ?? []).map(index => nameOf(this.world.hosts[index] ?? host)),
        weight: 1,
        joinDelayMs: plan?.joinDelayMs ?? 0,
        membership: { ...membershipDefaults(), ...this.#options.membership },
        ring: { ...ringDefaults(), vnodesPerWeight: VNODES },
        tasks: { ...tasksDefaults(CORES), ...this.#options.tasks },
        grants: this.grants,
        voter: {
          top: kept.get('top') as number | undefined,
          voters: kept.get('voters') as VoterList | undefined,
          promiseMs: kept.get('promiseMs') as number | undefined,
          notes: kept.get('notes') as StoredNotes | undefined,
          disk: kept.get('disk') as string | undefined,
        },
        fences: fencesOf([...kept].map(([key, value]) => ({ key, value }))),
        check: () => undefined,
        claimTypes: [CLAIM_TYPE],
        nextSlot,
        records: [...rows.keys()].sort().map(key => rows.get(key) as TaskRecord),
        seed: this.#random.uint32(),
        ...(this.#options.answers && { answerSizes: this.#options.answers.sizes }),
        ...this.#options.bornWith?.(host),
      },
      now,
    )
    this.#made = node
    return node
  }

  #started(host: Host, process: Process): void {
    if (this.#made !== undefined) this.#nodes.set(process, this.#made)
    const { list, schedules } = this.#options
    if (list.length === 0 && schedules === undefined) return
    this.world.queue.in(0, () => {
      if (host.process !== process) return
      if (list.length > 0) process.receive({ kind: 'task-list', name: 'work', specs: list })
      if (schedules !== undefined) process.receive({ kind: 'schedules', definitions: schedules })
    })
  }
}

const keyAt = (number: number): string => `key ${number % KEYS}`

/** The keys that tasks have. */
export const allKeys = (): string[] => Array.from({ length: KEYS }, (_, number) => keyAt(number))

/** The key of a task with this name. */
export const keyOf = (task: string): string => keyAt(hash32(task))

const TYPES = ['echo', 'exec', 'unreliable'] as const

/** Task specs that depend on nothing but their name. */
export function makeSpec(name: string, number: number): TaskSpec {
  return {
    id: asTaskId(name),
    key: keyOf(name),
    type: TYPES[hash32(name) % TYPES.length] ?? 'echo',
    payload: { number },
    priority: 1,
    maxAttempts: 20,
    backoffMs: 100,
    backoffMsMax: 1_000,
    timeoutMs: 10_000,
  }
}

export const makeList = (length: number): TaskSpec[] =>
  Array.from({ length }, (_, index) => makeSpec(`list-${index}`, index))

/** A node with fixed answers behind the real port, for tests of the face in front of it. */
import { ClaimExecutor } from '../../../src/adapters/executors/claims/claim-executor.ts'
import { type ClaimConfig, executorsDefaults } from '../../../src/adapters/executors/config.ts'
import { type HttpConfig, httpDefaults } from '../../../src/adapters/http/config.ts'
import type { FaceParts } from '../../../src/adapters/http/face.ts'
import { cronSlots } from '../../../src/adapters/system/cron.ts'
import { asNodeId, asPeerId, asTaskId } from '../../../src/base/ids.ts'
import { instantOf, wallOf } from '../../../src/base/time.ts'
import type { ControlRequest } from '../../../src/node/control.ts'
import type { LogFields, LogLevel } from '../../../src/node/machine.ts'
import type { MemberView, NodeStatus, OwnerAnswer, TaskQuery } from '../../../src/node/status.ts'
import { type EventLimits, EventLog, teeLogger } from '../../../src/runtime/events.ts'
import type { NodeFace } from '../../../src/runtime/ports.ts'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import type { LookAnswer, LookRequest, TaskReply, TaskRequest } from '../../../src/tasks/messages.ts'
import type { ProgressReport } from '../../../src/tasks/progress.ts'
import { parseDefinition } from '../../../src/tasks/schedules/definition.ts'
import { recordOf } from '../../../src/tasks/schedules/state.ts'
import type { SurveyQuestion, SurveyReply } from '../../../src/tasks/survey.ts'
import type { TaskRecord, TaskSpec } from '../../../src/tasks/task.ts'

const RULES = { defaults: tasksDefaults(2), nextSlot: cronSlots() }

export const nodeId = asNodeId('node-1')
const other = asNodeId('node-2')
const checksum = '5f2c9a01'

const status: NodeStatus = {
  nodeId,
  peerId: '12D3KooWExample',
  cluster: 'roundtable',
  version: '0.1.0',
  incarnation: 1_790_000_000_000,
  boot: 3,
  uptimeMs: 12_345.5,
  mode: 'quorum',
  grants: {
    enabled: true,
    session: 3,
    voters: { version: 1, names: [nodeId, other], previous: undefined, fixed: true },
    voter: true,
    granting: true,
    grantedBy: [nodeId, other],
    leaseForMs: 1_700,
    term: 1_790_000_000_000,
    top: 1_790_000_000_001,
    exceptions: 0,
    topUnheard: [],
    keeps: [],
  },
  cordoned: false,
  addresses: ['10.0.0.1:7946'],
  phase: 'ready',
  ready: { ready: true, reasons: [] },
  members: { alive: 2, suspect: 0, dead: 0, left: 0 },
  ring: { checksum, members: 2, agreement: 1 },
  tasks: {
    owned: { scheduled: 0, ready: 1, running: 1, succeeded: 5, retrying: 0, dead: 0, cancelled: 0 },
    held: 4,
    started: 6,
    succeeded: 5,
    failedAttempts: 1,
    retried: 1,
    forwarded: 2,
    takingOver: false,
    queue: { types: [{ name: 'echo', queued: 1, running: 1, limit: 4 }], groups: [], keys: 2 },
  },
}

const line = { at: 1_790_000_000_000, event: 'member-alive', text: 'It joined.', fields: {} }

const member = (id: string, self: boolean): MemberView => ({
  id: asNodeId(id),
  peerId: asPeerId(`12D3KooW${id}`),
  incarnation: 1_790_000_000_000,
  status: 'alive',
  leaving: false,
  addresses: ['10.0.0.1:7946'],
  weight: 1,
  opinion: 'alive',
  self,
  lastHeardMs: self ? undefined : 40,
  rttMs: self ? undefined : 0.4,
  silenceLimitMs: 1_550,
  links: self ? 0 : 1,
  linkFault: false,
  modesDiffer: false,
  ringChecksum: checksum,
  load: { running: 1, queued: 0, slots: 4, cpu: 0.2, memory: 0.4, types: ['echo'] },
  claims: [],
  why: line,
})

export function record(spec: Partial<TaskSpec> = {}): TaskRecord {
  return {
    spec: {
      id: asTaskId('t1'),
      key: 'k1',
      type: 'echo',
      payload: { text: 'hello' },
      priority: 1,
      maxAttempts: 4,
      backoffMs: 500,
      backoffMsMax: 60_000,
      timeoutMs: 60_000,
      ...spec,
    },
    source: 'api',
    state: 'succeeded',
    acceptedAt: wallOf(1_790_000_000_000),
    settledAt: wallOf(1_790_000_000_100),
    attempts: [
      {
        number: 1,
        node: nodeId,
        startedAt: wallOf(1_790_000_000_010),
        endedAt: wallOf(1_790_000_000_090),
        outcome: 'succeeded',
      },
    ],
    result: 'hello',
    holders: [nodeId, other],
    revision: 4,
  }
}

export interface Sample {
  readonly parts: FaceParts
  /** The real ones: a test plays the core behind them. */
  readonly claims: ClaimExecutor
  readonly requests: TaskRequest[]
  readonly queries: TaskQuery[]
  readonly surveys: SurveyQuestion[]
  /** How many requests came together. */
  readonly batches: number[]
  readonly controls: ControlRequest[]
  readonly looks: LookRequest[]
  readonly reports: (readonly [address: string, report: ProgressReport])[]
  readonly leaves: (number | undefined)[]
  readonly logged: { level: LogLevel; event: string; fields: LogFields | undefined }[]
}

export interface SampleOptions {
  readonly config?: Partial<HttpConfig>
  readonly status?: Partial<NodeStatus>
  readonly reply?: (request: TaskRequest) => Promise<TaskReply>
  readonly look?: LookAnswer
  readonly survey?: (question: SurveyQuestion) => Promise<SurveyReply>
  readonly node?: Partial<NodeFace>
  readonly events?: Partial<EventLimits>
  readonly claim?: Partial<ClaimConfig>
}

/** A schedule as it is a second after it was put. */
function scheduleOf(name: string): TaskRecord {
  const parsed = parseDefinition({ everyMs: 1_000, task: { type: 'echo' } }, RULES, name)
  if (!parsed.ok) throw new Error(`${name} is no name of a schedule`)
  const { definition } = parsed
  const at = wallOf(1_790_000_000_000)
  const ordered = { version: 1, definition, source: 'api', paused: false, deleted: false, at } as const
  return recordOf({ ordered, decided: { to: at + 1_000, made: 1, missed: 0, lately: [] } }, [nodeId], 2)
}

/** A node that accepts every task, and knows those whose id begins with `t`, and every schedule. */
const answer = async (request: TaskRequest): Promise<TaskReply> => {
  const id = request.kind === 'submit' ? request.spec.id : request.task
  if (id.startsWith('schedule:')) {
    return { ok: true, record: scheduleOf(id.slice('schedule:'.length)), existed: true, durableCopies: 2 }
  }
  if (request.kind === 'submit')
    return { ok: true, record: record(request.spec), existed: false, durableCopies: 2 }
  if (request.task.startsWith('t') || request.kind !== 'get')
    return { ok: true, record: record({ id: request.task }), existed: true, durableCopies: 2 }
  return { ok: false, failure: { code: 'TASK_UNKNOWN', detail: 'Its owner node-2 does not know it.' } }
}

const standing = (key: string): OwnerAnswer => ({
  key,
  owner: other,
  mine: false,
  addresses: ['10.0.0.2:7946'],
  ringChecksum: checksum,
  mode: 'quorum',
  acting: true,
  actingUntilMs: 1_790_000_001_700,
  actingForMs: 1_700,
  token: { value: '117309440000000000', safe: true },
})

export function sample(options: SampleOptions = {}): Sample {
  const seen = {
    requests: [] as TaskRequest[],
    queries: [] as TaskQuery[],
    surveys: [] as SurveyQuestion[],
    batches: [] as number[],
    controls: [] as ControlRequest[],
    looks: [] as LookRequest[],
    reports: [] as (readonly [address: string, report: ProgressReport])[],
    leaves: [] as (number | undefined)[],
    logged: [] as Sample['logged'],
  }
  let ids = 0
  const node: NodeFace = {
    nodeId,
    status: () => ({ ...status, ...options.status }),
    members: () => [member('node-1', true), member('node-2', false)],
    member: id =>
      id !== 'node-2' && id !== 'node-1'
        ? undefined
        : {
            ...member(id, id === 'node-1'),
            ledger: [line],
          },
    ring: () => ({
      checksum,
      version: 1,
      vnodesPerWeight: 100,
      replicas: 3,
      members: [
        { id: nodeId, weight: 1, share: 0.49 },
        { id: other, weight: 1, share: 0.51 },
      ],
    }),
    owner: standing,
    lookAtOwner: standing,
    ownersVersion: () => '1',
    explain: key => ({
      key,
      hash: 7,
      token: 9,
      owner: other,
      preferenceList: [other, nodeId],
      mine: false,
      mode: 'available',
      ringChecksum: checksum,
      beliefs: [{ id: other, ringChecksum: undefined, agrees: undefined }],
      tasks: [record()],
      waiting: [{ task: asTaskId('t2'), code: 'no-claimer', detail: 'none waits' }],
      history: {
        since: 1_790_000_000_000,
        owners: [
          {
            at: 1_790_000_000_500,
            from: nodeId,
            to: other,
            ring: checksum,
            causes: [{ member: nodeId, change: 'gone', ledger: [line] }],
          },
        ],
        rightsSince: 1_790_000_000_000,
        rights: [
          {
            from: 1_790_000_000_000,
            until: 1_790_000_000_500,
            token: '117309440000000000',
          },
        ],
      },
    }),
    tasks: query => {
      seen.queries.push(query)
      return { tasks: [record()], next: 't1' }
    },
    request: request => {
      seen.requests.push(request)
      return (options.reply ?? answer)(request)
    },
    look: async request => {
      seen.looks.push(request)
      return options.look ?? { ok: true }
    },
    report: (address, report) => {
      seen.reports.push([address, report])
      return address === 'known'
    },
    requestAll: requests => {
      seen.batches.push(requests.length)
      seen.requests.push(...requests)
      return requests.map(options.reply ?? answer)
    },
    survey: async question => {
      seen.surveys.push(question)
      return options.survey === undefined
        ? { ok: true, answers: [], silent: [] }
        : await options.survey(question)
    },
    listSchedules: async () => ({ ok: true, page: { schedules: [], unsure: [] } }),
    nextSlot: cronSlots(),
    control: async request => {
      seen.controls.push(request)
      return { ok: true, detail: 'It is so.' }
    },
    work: () => ({ running: 0, unsafe: 0, drained: true }),
    leave: async deadlineMs => {
      seen.leaves.push(deadlineMs)
    },
    newTaskId: () => `t-new-${++ids}`,
    metrics: () => [
      {
        name: 'members',
        help: 'Members by status.',
        type: 'gauge',
        samples: [{ labels: { status: 'alive' }, value: 2 }],
      },
    ],
    ...options.node,
  }
  const events = new EventLog('3', options.events)
  const lines: FaceParts['logger'] = {
    log: (level, event, fields) => seen.logged.push({ level, event, fields }),
  }
  const clock = { now: () => ({ mono: instantOf(0), wall: wallOf(1_790_000_000_000) }) }
  const logger = teeLogger(lines, events, clock)
  const config = { ...httpDefaults(), port: 0, ...options.config }
  const claims = new ClaimExecutor({ config: { ...executorsDefaults().claim, ...options.claim }, logger })
  return { ...seen, claims, parts: { config, node, claims, logger, events, defaults: tasksDefaults(2) } }
}

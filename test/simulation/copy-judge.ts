/**
 * Holds what an owner tells of copies to what is on the disks at that moment. Who accepts a task names a number of copies: so
 * many of its holders, as its own ring names them, have the record on their disks, no older than it was told, and these are as
 * many as `durability` asks for. An end that is told lies on as many disks, whoever holds it by then, and so does an attempt
 * that begins.
 *
 * The key counts with the id: another task may have the same one (`twins.ts`).
 *
 * A disk that was lost since the task was first sent is excused: its owner hears of that later.
 */
import type { NodeId } from '../../src/base/ids.ts'
import type { Node } from '../../src/node/node.ts'
import { isSettled } from '../../src/tasks/merge.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { Cluster } from './cluster.ts'
import type { Run } from './collector.ts'
import type { Findings } from './findings.ts'
import type { Process } from './process.ts'
import type { Host } from './world.ts'

/** As the nodes are made (`cluster.ts`). */
const HOLDERS = 3

/** The disk of one node, as far as one task goes. */
export interface DiskSaid {
  readonly name: string
  readonly row: TaskRecord | undefined
  /** It was lost since the task was first sent. */
  readonly lost: boolean
}

/** How many disks are missing that should have the record as it was told, or newer; 0 when none is. */
export function missingCopies(told: TaskRecord, copies: number, holders: readonly DiskSaid[]): number {
  return missing(copies, holders, row => isAsNew(row, told))
}

/** The same for an end: these have it, and no other, or what came of it when somebody ordered that it runs again. */
export function missingEnds(told: TaskRecord, copies: number, disks: readonly DiskSaid[]): number {
  const times = ({ redriven }: TaskRecord): number => redriven?.times ?? 0
  return missing(
    copies,
    disks,
    row => times(row) > times(told) || (isSettled(row) && endOf(row) === endOf(told)),
  )
}

function missing(copies: number, disks: readonly DiskSaid[], has: (row: TaskRecord) => boolean): number {
  const good = disks.filter(({ row, lost }) => lost || (row !== undefined && has(row)))
  return Math.max(0, copies - good.length)
}

/** The same for an attempt that begins; who wrote it down for fewer holders needs no more. */
export function missingNotes(
  { attempt, token }: Pick<Run, 'attempt' | 'token'>,
  copies: number,
  disks: readonly DiskSaid[],
): number {
  const knows = ({ attempts }: TaskRecord): boolean =>
    attempts.some(each => each.number === attempt && each.token === token.value)
  const named = disks.flatMap(({ row }) => (row !== undefined && knows(row) ? [row.holders.length] : []))
  return missing(Math.min(copies, ...named), disks, knows)
}

/** What tells one end of a task from another. */
export const endOf = ({ state, settledAt, result }: TaskRecord): string =>
  JSON.stringify([state, settledAt, result])

/** That a pause is over is not written, so before the next start a disk may have the record as it paused. */
function isAsNew(row: TaskRecord, { term = 0, acceptedAt, revision, state }: TaskRecord): boolean {
  const terms = (row.term ?? 0) - term
  if (terms !== 0) return terms > 0
  const paused = state === 'ready' && (row.state === 'retrying' || row.state === 'scheduled')
  const least = paused ? revision - 1 : revision
  return row.acceptedAt > acceptedAt || (row.acceptedAt === acceptedAt && row.revision >= least)
}

export class CopyJudge {
  readonly #cluster: Cluster
  readonly #durability: number
  readonly #findings: Findings
  /** How often each disk had been lost when the task was first sent. */
  readonly #wipes = new Map<string, readonly number[]>()
  /** The ring by which each process went when it was looked at last. */
  readonly #rings = new WeakMap<Process, string>()

  constructor(cluster: Cluster, durability: number, findings: Findings) {
    this.#cluster = cluster
    this.#durability = durability
    this.#findings = findings
  }

  /** Somebody asks for it. */
  sent(task: string): void {
    if (this.#wipes.has(task)) return
    this.#wipes.set(
      task,
      this.#cluster.world.hosts.map(({ disk }) => disk.wipes),
    )
  }

  /** Disks that a node must count for a change, as its ring is now. */
  owed(by: Process): number {
    return Math.min(this.#durability, HOLDERS, this.#cluster.nodeIn(by)?.ring.members.length ?? 0)
  }

  /** Was it for fewer holders than copies are wanted, since so few own keys, and have all of these lost their disks since? */
  wereLost({ spec, holders }: TaskRecord): boolean {
    if (holders.length >= this.#durability) return false
    return this.#disksOf(spec, holders).every(({ lost }) => lost)
  }

  /** The owner says, in an answer of its own, how many holders have it. */
  counted(by: Process, record: TaskRecord, copies: number): void {
    const node = this.#cluster.nodeIn(by)
    if (node === undefined || record.revision === 0) return
    const holders = this.#disksOf(record.spec, holdersBy(node, record.spec.key))
    if (missingCopies(record, copies, holders) > 0)
      this.#fail(by, `${record.spec.id} is told to have ${copies} copies`, holders)
  }

  /** The owner says for the first time that it has ended. */
  ended(by: Process, record: TaskRecord): void {
    const disks = this.#disksOf(record.spec, undefined)
    if (missingEnds(record, this.owed(by), disks) > 0)
      this.#fail(by, `${record.spec.id} is told to be ${record.state}`, disks)
  }

  /** An attempt begins to run there. */
  began(by: Process, run: Run): void {
    const disks = this.#disksOf({ id: run.task, key: run.key }, undefined)
    if (missingNotes(run, this.owed(by), disks) === 0) return
    const detail = `${run.task}, attempt ${run.attempt}: ${listOf(disks)}`
    this.#findings.fail('an attempt is known before it runs', this.#nameOf(by), detail)
  }

  /** Has the process gone by one ring since it was looked at last? What it shows now it has shown under that. */
  staysInRing(by: Process): boolean {
    const ring = this.#cluster.nodeIn(by)?.ring.checksum ?? ''
    const before = this.#rings.get(by)
    this.#rings.set(by, ring)
    return ring === before
  }

  /** @param of the nodes of these names; undefined: all */
  #disksOf({ id, key }: Pick<TaskSpec, 'id' | 'key'>, of: readonly NodeId[] | undefined): DiskSaid[] {
    const before = this.#wipes.get(id)
    const hosts = this.#cluster.world.hosts.filter(({ name }) => of?.some(node => node === name) ?? true)
    return hosts.map(host => ({
      name: host.name,
      row: rowOf(host, id, key),
      lost: host.disk.wipes > (before?.[host.index] ?? 0),
    }))
  }

  #fail(by: Process, said: string, disks: readonly DiskSaid[]): void {
    this.#findings.fail('as many disks as were told', this.#nameOf(by), `${said}: ${listOf(disks)}`)
  }

  #nameOf(by: Process): Host['name'] | undefined {
    return this.#cluster.world.hosts[by.host]?.name
  }
}

function rowOf({ disk }: Pick<Host, 'disk'>, id: string, key: string): TaskRecord | undefined {
  const row = disk.rows('tasks').get(id) as TaskRecord | undefined
  return row?.spec.key === key ? row : undefined
}

const listOf = (disks: readonly DiskSaid[]): string =>
  disks.map(({ name, row }) => `${name} ${row ? `${row.state} ${row.term}/${row.revision}` : '-'}`).join(', ')

const holdersBy = ({ ring }: Node, key: string): readonly NodeId[] => ring.preferenceList(key, HOLDERS)

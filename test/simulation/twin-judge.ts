/**
 * Holds tasks that share an id, each under a key of its own, to what was promised of both. A disk has one record of an id, so
 * here the key counts with it: what was accepted under one key is not there because the other one is. Which of the two is refused
 * is not judged, nor when one that is in the other's way at last runs; but none that was accepted goes before it has run.
 */
import { asTaskId, type RequestId } from '../../src/base/ids.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import type { TaskRecord, TaskSpec } from '../../src/tasks/task.ts'
import type { Cluster } from './cluster.ts'
import type { Run } from './collector.ts'
import { CopyJudge, endOf } from './copy-judge.ts'
import type { Findings } from './findings.ts'
import type { Process } from './process.ts'
import type { JudgeParts, Promised } from './promised.ts'
import type { Schedule } from './schedule.ts'
import { isTwin } from './twins.ts'
import type { Host } from './world.ts'

/** Attempts that took their node or runner down, after which a task is not tried again. */
const POISON_RUNS = 3

type Reply = Effect & { kind: 'reply' }
type Named = Pick<TaskSpec, 'id' | 'key'>

export class TwinJudge {
  readonly #cluster: Cluster
  readonly #schedule: Schedule
  readonly #findings: Findings
  readonly #promised: Promised
  readonly #copies: CopyJudge
  readonly #asked = new Map<RequestId, Named & { readonly at: number }>()
  /** When it was last told from one node to another. */
  readonly #handed = new Map<string, number>()
  /** How often each disk had been lost when it was accepted, for those that had it. */
  readonly #accepted = new Map<
    string,
    Named & { readonly disks: readonly Host[]; readonly wipes: number[] }
  >()
  readonly #ends = new Map<string, string>()

  constructor({ cluster, schedule, findings, promised }: JudgeParts) {
    this.#cluster = cluster
    this.#schedule = schedule
    this.#findings = findings
    this.#promised = promised
    this.#copies = new CopyJudge(cluster, schedule.durability, findings)
  }

  input(id: RequestId, { request }: Input & { kind: 'request' }): void {
    if (request.kind !== 'submit') return
    this.#copies.sent(request.spec.id)
    this.#asked.set(id, { id: request.spec.id, key: request.spec.key, at: this.#cluster.world.now })
  }

  /** An owner tells another node of its task. */
  answers(by: Process, record: TaskRecord, copies: number): void {
    this.#handed.set(nameOf(record.spec), this.#cluster.world.now)
    this.#checkOwn(by, record, copies)
  }

  replied(by: Process, { id, reply }: Reply): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if (asked === undefined || !reply.ok || !('record' in reply)) return
    const { record } = reply
    if (record.spec.key !== asked.key) {
      this.#fail('one name is one task', by, `${nameOf(asked)} is answered with ${nameOf(record.spec)}`)
      return
    }
    const name = nameOf(record.spec)
    // What is handed on was judged when its owner said it: it may have waited for a disk since, and the ring be another one.
    const isOwn = (this.#handed.get(name) ?? -1) < asked.at
    if (isOwn && 'durableCopies' in reply) this.#checkOwn(by, record, reply.durableCopies)
    const disks = this.#hosts.filter(host => this.#isOn(host, record.spec))
    if (this.#accepted.has(name) || record.revision === 0) return
    const wipes = disks.map(({ disk }) => disk.wipes)
    this.#accepted.set(name, { id: record.spec.id, key: record.spec.key, disks, wipes })
  }

  began(run: Run): void {
    const by = this.#hosts[run.host]?.process
    if (by === undefined || by.boot !== run.boot) return
    if (!this.#promised.isKept(run.key) || !run.token.safe) return
    const spec = { id: run.task, key: run.key }
    if (this.#schedule.work.forgetful) return
    this.#copies.began(by, run)
    const end = this.#ends.get(`${nameOf(spec)} 0`)
    const over = end?.includes('"succeeded"') === true && this.#cluster.world.now > run.exceptedUntil
    if (over) this.#fail('what has succeeded runs no more', by, `${nameOf(spec)} is begun again`)
  }

  /** What any node may tell of the end of one of them. */
  poll(): void {
    if (this.#schedule.mode !== 'quorum' || this.#schedule.work.forgetful) return
    for (const host of this.#hosts) {
      const node = this.#cluster.nodeOf(host)
      if (node === undefined || host.process === undefined) continue
      for (const task of host.disk.rows('tasks').keys()) {
        const final = isTwin(task) ? node.tasks.final(asTaskId(task)) : undefined
        if (final !== undefined && this.#promised.isKept(final.spec.key)) this.#told(final, host.process)
      }
    }
  }

  checkEnd(): void {
    if (this.#schedule.mode !== 'quorum' || this.#cluster.lossesAtOnce >= this.#schedule.durability) return
    for (const { id, key, disks, wipes } of this.#accepted.values()) {
      const spec = { id, key }
      if (!this.#promised.isKept(key) || this.#hosts.some(host => this.#isOn(host, spec))) continue
      const alone = disks.length < this.#schedule.durability
      if (this.#mayBeDropped(spec) || (alone && disks.every((host, i) => host.disk.wipes > (wipes[i] ?? 0))))
        continue
      this.#fail('nothing accepted is forgotten', undefined, `${nameOf(spec)} is on no disk, and has not run`)
    }
  }

  get #hosts(): readonly Host[] {
    return this.#cluster.world.hosts
  }

  /** What a node says of a task of its own. */
  #checkOwn(by: Process, record: TaskRecord, copies: number): void {
    const owner = this.#cluster.nodeIn(by)?.ring.owner(record.spec.key)
    if (!this.#promised.isKept(record.spec.key) || owner !== this.#hosts[by.host]?.name) return
    if (!this.#mayBeDropped(record.spec)) this.#copies.counted(by, record, copies)
  }

  #told(record: TaskRecord, by: Process): void {
    const round = `${nameOf(record.spec)} ${record.redriven?.times ?? 0}`
    const [told, end] = [this.#ends.get(round), endOf(record)]
    if (told === undefined) this.#ends.set(round, end)
    else if (told !== end) this.#fail('an end that was told stays', by, `${round}: ${told}, then ${end}`)
  }

  #isOn({ disk }: Host, { id, key }: Named): boolean {
    const row = disk.rows('tasks').get(id) as TaskRecord | undefined
    return row?.spec.key === key
  }

  /** It has run, or was given up: where ends are dropped soon it need not be anywhere any more. */
  #mayBeDropped({ id, key }: Named): boolean {
    if (!this.#schedule.work.forgetful) return false
    const runs = this.#cluster.world.collector.runs.filter(run => run.task === id && run.key === key)
    const broken = runs.filter(({ end }) => end !== 'succeeded' && end !== 'failed')
    return runs.some(({ end }) => end === 'succeeded') || broken.length >= POISON_RUNS
  }

  #fail(invariant: Parameters<Findings['fail']>[0], by: Process | undefined, detail: string): void {
    this.#findings.fail(invariant, by && this.#hosts[by.host]?.name, detail)
  }
}

const nameOf = ({ id, key }: Named): string => `${id} of "${key}"`

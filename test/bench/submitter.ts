/** Hands tasks to all daemons of a cluster in turn, one by one or many in a request, and counts what they answer. */
import type { Cluster } from '../operations/cluster.ts'
import { type Answer, Poster } from './poster.ts'

/** Connections to each daemon. */
const CONNECTIONS = 8

/** Where many tasks go in one request. The first that a daemon knows. */
const BATCH_PATHS = ['/v1/tasks/batch', '/v1/batch'] as const

export interface TaskBody {
  readonly id: string
  readonly key: string
  readonly type: string
  readonly payload?: unknown
  readonly [field: string]: unknown
}

export class Submitter {
  readonly #posters: readonly Poster[]
  #turn = 0
  /** Durable copies that the answers told of, in all. */
  copies = 0
  accepted = 0

  constructor(cluster: Cluster) {
    const ports = cluster.names.map(name => Number(new URL(cluster.url(name)).port))
    this.#posters = ports.map(port => new Poster({ port, connections: CONNECTIONS }))
  }

  /** @throws when it is not accepted */
  async add(task: TaskBody): Promise<void> {
    const answer = await this.#next().post('/v1/tasks', JSON.stringify(task))
    if (answer.status !== 202) throw refused(answer)
    this.accepted++
    this.copies += (JSON.parse(answer.body) as { durableCopies?: number }).durableCopies ?? 1
  }

  /** The path that takes many at once, as this build's own description of its API names it; undefined when it has none. */
  async batchPath(): Promise<string | undefined> {
    const { body } = await this.#next().get('/openapi.json')
    const { paths } = JSON.parse(body) as { paths: Record<string, { post?: unknown }> }
    return BATCH_PATHS.find(path => paths[path]?.post !== undefined)
  }

  /** @throws when one of them is not stored */
  async addMany(path: string, tasks: readonly TaskBody[]): Promise<void> {
    const answer = await this.#next().post(path, JSON.stringify(tasks))
    const stored = answer.body.split('"stored":"yes"').length - 1
    if (answer.status >= 300 || stored !== tasks.length) throw refused(answer)
    this.accepted += tasks.length
  }

  /** The same request to every daemon, in the order of their names. */
  async getAll(path: string): Promise<readonly string[]> {
    const answers = await Promise.all(this.#posters.map(poster => poster.get(path)))
    const wrong = answers.find(({ status }) => status !== 200)
    if (wrong !== undefined) throw refused(wrong)
    return answers.map(({ body }) => body)
  }

  close(): void {
    for (const poster of this.#posters) poster.close()
  }

  #next(): Poster {
    return this.#posters[this.#turn++ % this.#posters.length] as Poster
  }
}

const refused = ({ status, body }: Answer): Error => new Error(`answered ${status}: ${body.slice(0, 300)}`)

/** The value of a metric without labels; 0 when the daemon does not have it. */
export function metricOf(metrics: string, name: string): number {
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(metrics)?.[1] ?? 0)
}

/** Calls `each` so many times, so many of them at one time. */
export async function spread(
  count: number,
  underWay: number,
  each: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) await each(next++)
  }
  await Promise.all(Array.from({ length: Math.min(underWay, count) }, one))
}

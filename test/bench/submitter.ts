/** Hands tasks to all daemons of a cluster in turn, one by one or many in a request, and counts what they answer. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from '../operations/cluster.ts'
import { type Answer, Poster } from './poster.ts'

/** Connections to each daemon. */
const CONNECTIONS = 8

/** Who is told to come back later does so after this, ms, and so often at most. */
const AGAIN_MS = 50
const TIMES_MAX = 400

export interface TaskBody {
  /** Absent: made where it is handed in; it is handed in once more only when it is surely not stored. */
  readonly id?: string
  readonly key?: string
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
  /** Answers that said to come back later. */
  refusals = 0

  constructor(cluster: Cluster) {
    const ports = cluster.names.map(name => Number(new URL(cluster.url(name)).port))
    this.#posters = ports.map(port => new Poster({ port, connections: CONNECTIONS }))
  }

  /**
   * Again with the same id as long as it is told to come back later.
   * @returns the durable copies that the answer tells of
   * @throws when it is not accepted
   */
  async add(task: TaskBody): Promise<number> {
    const body = JSON.stringify(task)
    const answer = await this.#accepted(
      poster => poster.post('/v1/tasks', body),
      ({ status }) => status <= 202,
    )
    const { durableCopies = 1 } = JSON.parse(answer.body) as { durableCopies?: number }
    this.accepted++
    this.copies += durableCopies
    return durableCopies
  }

  /** Does this build take a list of tasks in one request? Its own description of its API says so. */
  async takesLists(): Promise<boolean> {
    const { body } = await this.#next().get('/openapi.json')
    const { paths } = JSON.parse(body) as { paths: Record<string, { post?: { responses: object } }> }
    return Object.hasOwn(paths['/v1/tasks']?.post?.responses ?? {}, '207')
  }

  /** All of them, again those that are not stored. @throws when that is not known of one without an id */
  async addMany(tasks: readonly TaskBody[]): Promise<void> {
    for (let left = tasks; left.length > 0; ) {
      const body = JSON.stringify(left)
      const answer = await this.#accepted(
        poster => poster.post('/v1/tasks', body),
        () => true,
      )
      const stored = [...answer.body.matchAll(/"stored":"(\w+)"/g)].map(([, how]) => how)
      const isDoubtful = (task: TaskBody, place: number): boolean =>
        task.id === undefined && stored[place] === 'unknown'
      if (stored.length !== left.length || left.some(isDoubtful)) throw refused(answer)
      for (const [, copies] of answer.body.matchAll(/"durableCopies":(\d+)/g)) this.copies += Number(copies)
      const refusedNow = left.filter((_, place) => stored[place] !== 'yes')
      this.accepted += left.length - refusedNow.length
      if (refusedNow.length > 0) await pause(AGAIN_MS)
      left = refusedNow
    }
  }

  /** The same request to every daemon, in the order of their names. */
  async getAll(path: string): Promise<readonly string[]> {
    const answers = await Promise.all(this.#posters.map(poster => poster.get(path)))
    const wrong = answers.find(({ status }) => status !== 200)
    if (wrong !== undefined) throw refused(wrong)
    return answers.map(({ body }) => body)
  }

  /** The metrics of every daemon, in the order of their names, each scraped as `how` does it. */
  async eachMetrics(how: (scrape: () => Promise<string>) => Promise<string>): Promise<readonly string[]> {
    const scrapeOf = (poster: Poster) => async (): Promise<string> => {
      const answer = await poster.get('/metrics')
      if (answer.status !== 200) throw refused(answer)
      return answer.body
    }
    return await Promise.all(this.#posters.map(poster => how(scrapeOf(poster))))
  }

  close(): void {
    for (const poster of this.#posters) poster.close()
  }

  async #accepted(
    ask: (poster: Poster) => Promise<Answer>,
    accepts: (answer: Answer) => boolean,
  ): Promise<Answer> {
    for (let times = 1; ; times++) {
      const answer = await ask(this.#next())
      if (answer.status < 300 && accepts(answer)) return answer
      // Wrong is wrong; full, changing hands and half a batch are for now.
      const passing = answer.status < 300 || answer.status === 429 || answer.status === 503
      if (!passing || times === TIMES_MAX) throw refused(answer)
      this.refusals++
      await pause(AGAIN_MS)
    }
  }

  #next(): Poster {
    return this.#posters[this.#turn++ % this.#posters.length] as Poster
  }
}

const refused = ({ status, body }: Answer): Error => new Error(`answered ${status}: ${body.slice(0, 300)}`)

/** Calls `each` so many times, so many of them at one time. */
export async function spread(
  count: number,
  underWay: number,
  each: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) await each(next++)
  }
  await Promise.all(Array.from({ length: Math.min(underWay, count) }, one))
}

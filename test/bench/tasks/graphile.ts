/** graphile-worker on a PostgreSQL of this run alone, as Debian ships it: fsync and synchronous_commit are on. */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, globSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../../../src/cli/cluster/ports.ts'
import { type Started, start } from '../../faults/started.ts'
import { accepts } from './bullmq.ts'
import { GRAPHILE, installed, load, quietLogger } from './packages.ts'
import { cpuSecondsOf, monotonicMs, type Subject, type SubjectOptions, until } from './subject.ts'
import { Workers } from './workers.ts'

interface Pool {
  on(event: 'error', listener: (error: Error) => void): void
  end(): Promise<void>
}
interface Pg {
  readonly Pool: new (options: object) => Pool
}
interface Producer {
  migrate(): Promise<void>
  addJob(task: string, payload: object): Promise<unknown>
  addJobs(jobs: readonly { readonly identifier: string; readonly payload: object }[]): Promise<unknown>
  release(): Promise<void>
}
type Graphile = Readonly<Record<'makeWorkerUtils', (options: object) => Promise<Producer>>>

/** Singles come over so many connections. */
const CONNECTIONS = 50

/** Where the programs of PostgreSQL are; undefined when there are none. Debian keeps them off the path. */
export function postgresDirectory(): string | undefined {
  const places = [
    ...(process.env['PATH'] ?? '').split(':'),
    ...globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed(),
  ]
  return places.find(place => existsSync(join(place, 'initdb')) && existsSync(join(place, 'postgres')))
}

export async function graphile({ directory, workers: count, concurrency }: SubjectOptions): Promise<Subject> {
  const modules = installed(GRAPHILE)
  const [port = 0] = await freePorts(1)
  const server = await postgres(directory, port)
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  const { Pool } = load<Pg>(modules, 'pg')
  const pool = new Pool({ connectionString: url, max: CONNECTIONS })
  pool.on('error', error => console.error(`PostgreSQL: ${error.message}`))
  const producer = await load<Graphile>(modules, 'graphile-worker').makeWorkerUtils({
    pgPool: pool,
    logger: quietLogger(modules),
  })
  await producer.migrate()
  const workers = new Workers('./graphile-worker.ts', [modules, url, String(concurrency)], count)
  await workers.ready()
  return subjectOf(producer, pool, workers, server)
}

/** PostgreSQL refuses to run as root: its own user does it then. */
async function postgres(directory: string, port: number): Promise<Started> {
  const home = join(directory, 'postgres')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  const programs = postgresDirectory() ?? ''
  const own = process.getuid?.() === 0 ? idsOf('postgres') : undefined
  if (own !== undefined) chownSync(home, own.uid, own.gid)
  const as = (program: string, args: readonly string[]): readonly [string, readonly string[]] => {
    const path = join(programs, program)
    if (own === undefined) return [path, args]
    return ['setpriv', [`--reuid=${own.uid}`, `--regid=${own.gid}`, '--clear-groups', path, ...args]]
  }
  const [command, args] = as('initdb', [
    '-D',
    home,
    '-U',
    'postgres',
    '--auth=trust',
    '-E',
    'UTF8',
    '--no-locale',
  ])
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/' })
  const listening = ['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']
  const flags = ['-D', home, ...listening, '-c', 'max_connections=300']
  const server = start(...as('postgres', flags), { log: join(directory, 'postgres.log') })
  await until('PostgreSQL listens', () => accepts(port))
  return server
}

function idsOf(user: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function subjectOf(producer: Producer, pool: Pool, workers: Workers, server: Started): Subject {
  return {
    name: 'graphile-worker + PostgreSQL',
    add: async () => void (await producer.addJob('noop', {})),
    addBulk: async jobs =>
      void (await producer.addJobs(
        Array.from({ length: jobs }, () => ({ identifier: 'noop', payload: {} })),
      )),
    hold: () => workers.order('stop'),
    release: () => workers.order('begin'),
    done: async () => workers.done,
    addToStart: async () => {
      const before = workers.starts.length
      await producer.addJob('noop', { at: monotonicMs() })
      await until('the job has begun', () => workers.starts.length > before, 10_000, 1)
      return workers.starts[before] ?? Number.NaN
    },
    cpuSeconds: () => cpuSecondsOf([server.pid, ...workers.pids]),
    close: async () => {
      await workers.close()
      await producer.release()
      await pool.end()
      server.child.kill('SIGQUIT')
      await server.ended
    },
  }
}

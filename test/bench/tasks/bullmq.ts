/** BullMQ on a Redis that syncs its log at every write, with worker processes of its own. */
import { mkdirSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { freePorts } from '../../../src/cli/cluster/ports.ts'
import { type Started, start } from '../../faults/started.ts'
import { BULLMQ, installed, load } from './packages.ts'
import { cpuSecondsOf, monotonicMs, type Subject, type SubjectOptions, until } from './subject.ts'
import { Workers } from './workers.ts'

interface Queue {
  add(name: string, data: object, options: object): Promise<unknown>
  addBulk(jobs: readonly object[]): Promise<unknown>
  pause(): Promise<void>
  resume(): Promise<void>
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}
interface Bullmq {
  readonly Queue: new (name: string, options: object) => Queue
}

const OPTIONS = { removeOnComplete: true }

export async function bullmq({ directory, workers: count, concurrency }: SubjectOptions): Promise<Subject> {
  const modules = installed(BULLMQ)
  const [port = 0] = await freePorts(1)
  const home = join(directory, 'redis')
  mkdirSync(home, { recursive: true })
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', home, '--save', '']
  const redis = start('redis-server', [...args, '--appendonly', 'yes', '--appendfsync', 'always'], {
    log: join(directory, 'redis.log'),
  })
  await until('redis listens', () => accepts(port))
  const { Queue } = load<Bullmq>(modules, 'bullmq')
  const queue = new Queue('bench', { connection: { host: '127.0.0.1', port } })
  await queue.waitUntilReady()
  const workers = new Workers('./bullmq-worker.ts', [modules, String(port), String(concurrency)], count)
  await workers.ready()
  return subjectOf(queue, workers, redis)
}

function subjectOf(queue: Queue, workers: Workers, redis: Started): Subject {
  return {
    name: 'BullMQ + Redis, appendfsync always',
    add: async () => void (await queue.add('noop', {}, OPTIONS)),
    addBulk: async jobs =>
      void (await queue.addBulk(
        Array.from({ length: jobs }, () => ({ name: 'noop', data: {}, opts: OPTIONS })),
      )),
    hold: () => queue.pause(),
    release: () => queue.resume(),
    done: async () => workers.done,
    addToStart: async () => {
      const before = workers.starts.length
      await queue.add('noop', { at: monotonicMs() }, OPTIONS)
      await until('the job has begun', () => workers.starts.length > before, 10_000, 1)
      return workers.starts[before] ?? Number.NaN
    },
    cpuSeconds: () => cpuSecondsOf([redis.pid, ...workers.pids]),
    close: async () => {
      await workers.close()
      await queue.close()
      redis.child.kill('SIGKILL')
      await redis.ended
    },
  }
}

export function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

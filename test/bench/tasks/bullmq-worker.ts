/** A worker process of BullMQ: `node bullmq-worker.ts MODULES PORT CONCURRENCY`. */
import { load } from './packages.ts'
import { began, ended, ready } from './telling.ts'

interface Worker {
  on(event: 'error', listener: (error: Error) => void): void
  waitUntilReady(): Promise<unknown>
}
type Job = { readonly data: { readonly at?: number } }
interface Bullmq {
  readonly Worker: new (queue: string, work: (job: Job) => Promise<void>, options: object) => Worker
}

const [modules = '', port, concurrency] = process.argv.slice(2)
const { Worker } = load<Bullmq>(modules, 'bullmq')

const worker = new Worker(
  'bench',
  async ({ data }) => {
    began(data.at)
    ended()
  },
  {
    connection: { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null },
    concurrency: Number(concurrency),
    removeOnComplete: { count: 0 },
  },
)
worker.on('error', error => console.error(error))
await worker.waitUntilReady()
ready()

/** A worker process of graphile-worker: `node graphile-worker.ts MODULES URL CONCURRENCY`. Begins and stops as it is told. */
import { load, quietLogger } from './packages.ts'
import { began, ended, onOrder, ready } from './telling.ts'

interface Runner {
  stop(): Promise<void>
}
interface Graphile {
  run(options: object): Promise<Runner>
}

const [modules = '', connectionString, concurrency] = process.argv.slice(2)
const { run } = load<Graphile>(modules, 'graphile-worker')

const noop = async (payload: unknown): Promise<void> => {
  began((payload as { readonly at?: number }).at)
  ended()
}

let runner: Runner | undefined

async function begin(): Promise<void> {
  runner ??= await run({
    connectionString,
    concurrency: Number(concurrency),
    // Its own default is less than what it works on at one time.
    maxPoolSize: Number(concurrency) + 2,
    noHandleSignals: true,
    taskList: { noop },
    logger: quietLogger(modules),
  })
}

async function stop(): Promise<void> {
  await runner?.stop()
  runner = undefined
}

onOrder(order => (order === 'begin' ? begin() : stop()))
await begin()
ready()

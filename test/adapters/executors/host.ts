/**
 * A process that plays the daemon in the tests that kill or freeze one: runs shell scripts, one per argument behind the
 * data directory (`-` for none), says `runner PID` once they run, and goes on until it is killed.
 */
import { createExecutors } from '../../../src/adapters/executors/executors.ts'
import { clearLeftovers } from '../../../src/adapters/executors/leftovers.ts'
import { configOf, LogBook, orderOf, until } from './scene.ts'

const [dataDir = '-', ...scripts] = process.argv.slice(2)
const logger = new LogBook()
if (dataDir !== '-') await clearLeftovers({ directory: dataDir, logger })
const executors = createExecutors({
  config: configOf(),
  logger,
  ...(dataDir === '-' ? {} : { dataDir }),
})
for (const script of scripts) {
  const order = orderOf('exec', { command: 'sh', args: [script] }, { timeoutMs: 600_000 })
  void executors
    .execute(order, new AbortController().signal)
    .then(outcome => console.log(JSON.stringify(outcome)))
}
console.log(`runner ${await until('the runner is up', () => executors.runnerPid())}`)
setInterval(() => {}, 60_000)

/**
 * A process that plays a daemon whose right to act runs out unless it is renewed: `leaseholder.ts DATA_DIR LEASE_MS
 * RENEW_MS SCRIPT...`. Runs each shell script as an attempt of its own with a right of LEASE_MS, and extends them all
 * every RENEW_MS to LEASE_MS from then (0: never). Says `runner PID`, `renewed N` after each time, and each outcome.
 */
import { createExecutors } from '../../../src/adapters/executors/executors.ts'
import { after, instantOf } from '../../../src/base/time.ts'
import { configOf, LogBook, orderOf, until } from './scene.ts'

const [dataDir = '', lease = '', renew = '', ...scripts] = process.argv.slice(2)
const executors = createExecutors({ config: configOf(), logger: new LogBook(), dataDir })
const limit = () => after(instantOf(performance.now()), Number(lease))
const orders = scripts.map((script, index) =>
  orderOf(
    'exec',
    { command: 'sh', args: [script] },
    { attempt: index + 1, timeoutMs: 600_000, until: limit() },
  ),
)
for (const order of orders) {
  void executors
    .execute(order, new AbortController().signal)
    .then(outcome => console.log(JSON.stringify(outcome)))
}
let renewals = 0
if (Number(renew) > 0) {
  setInterval(() => {
    executors.extend(orders, limit())
    console.log(`renewed ${++renewals}`)
  }, Number(renew))
}
console.log(`runner ${await until('the runner is up', () => executors.runnerPid())}`)
setInterval(() => {}, 60_000)

/**
 * A rolling restart of all eight nodes under load, as an orchestrator does it: SIGTERM, wait for the end of the process,
 * start it again, wait for `/readyz`, go on with the next one. Short and long tasks keep coming meanwhile.
 *
 *   node test/operations/rolling.ts [--join-delays=0,5000] [--keys=400] [--rate=20] [--json] [--out=FILE]
 *
 * Once for every join delay (ms); about a minute each. Who may act is asked over HTTP at all that may own a key; who did
 * act is written by every task into a register outside of the cluster. Exit code 1 when a claim does not hold. Needs perl.
 */
import { parseArgs } from 'node:util'
import { publish, reportOf } from './report.ts'
import { type Rolled, rollingClaims } from './rolling-judges.ts'
import { roll } from './rolling-run.ts'

const { values } = parseArgs({
  options: {
    'join-delays': { type: 'string', default: '0,5000' },
    keys: { type: 'string', default: '400' },
    rate: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const delays = values['join-delays'].split(',').map(Number)
const [keyCount, perSecond] = [Number(values.keys), Number(values.rate)]
if (![...delays, keyCount, perSecond].every(number => Number.isFinite(number) && number >= 0))
  throw new Error('--join-delays=MS,MS --keys=NUMBER --rate=PER_SECOND')

const report = reportOf('Rolling restart of eight real daemons under load, quorum mode, loopback', values)
const results: Rolled[] = []
for (const joinDelayMs of delays) results.push(await roll({ joinDelayMs, keyCount, perSecond }))
const shown = delays.flatMap((delayMs, i) => {
  const rolled = results[i]
  return rolled === undefined ? [] : rollingClaims(delayMs, keyCount, rolled)
})
publish(report(shown, results), { json: values.json, out: values.out })

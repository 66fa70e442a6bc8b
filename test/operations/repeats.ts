/**
 * A kill -9, a join, a leave and a restart on a running cluster of eight real daemons in quorum mode, again and again: how
 * long until EVERY survivor shows it, how long nobody acts for a key, and the worst of all.
 *
 *   node test/operations/repeats.ts [--repeats=50] [--only=kill,join,leave,restart,asked] [--json] [--out=FILE]
 *
 * 50 repeats of all five take about 25 minutes on two quiet cores. Exit code 1 when a claim does not hold. What everybody shows is read from the daemons' own
 * log, whose times are right to 1 ms; rights to act are asked for over HTTP, and their error is printed. A trial that is over a
 * worst case by no more than this machine itself stood still is played again, and its times are shown apart; what must never
 * happen counts in it all the same.
 */
import { parseArgs } from 'node:util'
import { Machine } from '../faults/machine.ts'
import { fact, figure } from '../proof/line.ts'
import { Cluster } from './cluster.ts'
import { type Collected, collected } from './collected.ts'
import { excessOf, judge } from './judges.ts'
import { publish, reportOf } from './report.ts'
import { type Figures, KINDS, type Kind, TRIALS } from './trials.ts'

const { values } = parseArgs({
  options: {
    repeats: { type: 'string', default: '50' },
    only: { type: 'string', default: KINDS.join(',') },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

const repeats = Number(values.repeats)
const only = values.only.split(',').map(word => KINDS.find(kind => kind === word))
if (!Number.isInteger(repeats) || repeats < 1 || only.includes(undefined))
  throw new Error(`--repeats=1.. --only=${KINDS.join(',')}`)
const kinds = only.filter(kind => kind !== undefined)

async function measure(cluster: Cluster, machine: Machine, kind: Kind): Promise<Collected> {
  const play = async (round: number): Promise<Figures> => {
    const figures = await TRIALS[kind](cluster, round)
    const [name = '', ms = 0] = Object.entries(figures)[0] ?? []
    console.error(`${kind} ${round + 1} (${repeats} count): ${name}: ${ms} ms`)
    // Lines of the past are not looked at again.
    cluster.forgetLines()
    return figures
  }
  return await collected(machine, repeats, play, {
    excess: figures => ({ ms: excessOf(kind, figures) }),
    say: console.error,
  })
}

const report = reportOf('Operations on eight real daemons, quorum mode, loopback', values)
const results: Partial<Record<Kind, Collected>> = {}
const machine = new Machine()
let readLateMs = 0
let cluster = await Cluster.start()
try {
  for (const kind of kinds) {
    const measured = await measure(cluster, machine, kind)
    results[kind] = measured
    readLateMs = Math.max(readLateMs, cluster.readLateMs)
    if (measured.broken === undefined) continue
    console.error(`${kind}: ${measured.broken}`)
    // In whatever state it is, the next kind gets another one.
    await cluster.stop()
    cluster = await Cluster.start()
  }
} finally {
  machine.stop()
  await cluster.stop()
}
const shown = kinds.flatMap(kind => {
  const broken = results[kind]?.broken
  return [
    ...judge(kind, results[kind], repeats),
    ...(broken === undefined ? [] : [fact(`${kind}: played to the end`, false, broken)]),
  ]
})
const late = figure('a line was read after it was written, worst (no part of any figure)', `${readLateMs} ms`)
publish(report([...shown, late], results), { json: values.json, out: values.out })

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { NodeInit } from '../../src/node/init.ts'
import type { Effect } from '../../src/node/machine.ts'
import { Cluster } from './cluster.ts'
import type { Process } from './process.ts'
import { type Conclusion, conclusionsOfLog, differences, parseTrace, replay, tell } from './replay.ts'

/** Runs three nodes, kills one, and records the first one as the daemon would: its trace and its log. */
function recordKill(): { trace: string; log: string } {
  const seeds = [0, 1, 2]
  const cluster = new Cluster({ seed: 5, hosts: [{ seeds }, { seeds }, { seeds }], list: [] })
  const { world } = cluster
  const trace: string[] = []
  const log: string[] = []
  const isFirst = (process: Process): boolean => process.host === 0
  world.watch({
    input: (process, input, now) => {
      if (isFirst(process)) trace.push(JSON.stringify({ input, now }))
    },
    effect: (process, effect: Effect) => {
      if (isFirst(process) && effect.kind === 'log') {
        log.push(JSON.stringify({ event: effect.event, ...effect.fields }))
      }
    },
    broken: (_process, invariant, detail) => assert.fail(`${invariant}: ${detail}`),
    note: () => {},
  })
  for (const host of world.hosts) world.start(host)
  const first = cluster.nodeOf(world.host('n1'))
  assert.ok(first !== undefined)
  const { check: _, ...init }: NodeInit = first.init
  trace.unshift(JSON.stringify({ init, now: world.host('n1').clock.at(0) }))
  world.runUntil(5_000)
  world.crash(world.host('n3'))
  world.runUntil(8_000)
  return { trace: `${trace.join('\n')}\n`, log: log.join('\n') }
}

test('a recorded node replays to the same conclusions', () => {
  const { trace, log } = recordKill()
  const recorded = conclusionsOfLog(log)
  // The first line, `member-alive` of the node itself, is said by the constructor and comes with the first step.
  assert.deepEqual(differences(recorded, replay(parseTrace(trace))), [])
  assert.ok(recorded.some(({ event, member }) => event === 'member-dead' && member === 'n3'))
})

test('a conclusion that is missing or different is told', () => {
  const { trace } = recordKill()
  const replayed = replay(parseTrace(trace))
  const dead = replayed.findIndex(({ event }) => event === 'member-dead')
  assert.ok(dead > 0)
  assert.equal(differences(replayed.toSpliced(dead, 1), replayed).length > 0, true)
  const other: Conclusion = { event: 'member-dead', member: 'n2', incarnation: 1, why: undefined }
  const found = differences(replayed.with(dead, other), replayed)
  assert.deepEqual(found, [`${dead + 1}: recorded member-dead n2 1, replayed ${tell(replayed[dead])}`])
})

test('an input left out of a trace changes the conclusions', () => {
  const { trace } = recordKill()
  const whole = replay(parseTrace(trace))
  const withoutRefusal = trace
    .split('\n')
    .filter(line => !line.includes('"reason":"refused"'))
    .join('\n')
  assert.notDeepEqual(replay(parseTrace(withoutRefusal)), whole)
})

test('a trace that was cut off in its last line is read up to there, any other damage names its line', () => {
  const { trace } = recordKill()
  const steps = parseTrace(trace).steps.length
  assert.equal(parseTrace(trace.slice(0, -20)).steps.length, steps - 1)
  const lines = trace.split('\n')
  assert.throws(() => parseTrace(lines.with(3, '{"input":').join('\n')), /line 4: expected JSON/)
  assert.throws(() => parseTrace(lines.with(3, '{"now":{}}').join('\n')), /line 4: expected \{input, now\}/)
  assert.throws(() => parseTrace(lines.slice(1).join('\n')), /line 1: expected \{init, now\}/)
  assert.throws(() => parseTrace(''), /line 1/)
})

const TRACES = new URL('traces/', import.meta.url)
const names = readdirSync(TRACES)
  .filter(name => name.endsWith('.trace.ndjson'))
  .map(name => name.replace('.trace.ndjson', ''))
  .sort()

test('a join, a kill, a freeze and a lost quorum of real daemons are on record', () => {
  assert.deepEqual(names, ['freeze', 'join', 'kill', 'quorum'])
})

for (const name of names) {
  test(`the trace of a real daemon, ${name}, replays to the verdicts it logged`, () => {
    const read = (kind: string): string => readFileSync(new URL(`${name}.${kind}.ndjson`, TRACES), 'utf8')
    const recorded = conclusionsOfLog(read('log'))
    const buried = recorded.some(({ event, member }) => event === 'verdict' && member === 'n3')
    assert.equal(buried, name === 'kill' || name === 'freeze')
    const lost = recorded.some(({ event }) => event === 'lease-lost')
    assert.equal(lost, name === 'quorum')
    assert.deepEqual(differences(recorded, replay(parseTrace(read('trace')))), [])
  })
}

/**
 * Replays what a real daemon recorded (`init` first, then every input with its time) in a fresh node, and compares what
 * the node concludes with what the daemon logged. The core is deterministic, so the two must be the same, in order.
 *
 * What the executors think of a task is code and cannot be recorded; a replayed node takes every task that the real one
 * took or refused. That does not touch membership.
 *
 *   node test/simulation/replay.ts TRACE [LOG]   prints the conclusions, or the differences to those in the log
 */
import { readFileSync } from 'node:fs'
import { argv, exit } from 'node:process'
import { pathToFileURL } from 'node:url'
import { cronSlots } from '../../src/adapters/system/cron.ts'
import type { Now } from '../../src/base/time.ts'
import type { NodeInit } from '../../src/node/init.ts'
import type { Effect, Input } from '../../src/node/machine.ts'
import { Node } from '../../src/node/node.ts'

export interface RecordedTrace {
  readonly init: Omit<NodeInit, 'check'>
  /** When the node was made. */
  readonly now: Now
  readonly steps: readonly { readonly input: Input; readonly now: Now }[]
}

/** One thing that a node concluded about a member, or about its own right to act. */
export interface Conclusion {
  readonly event: string
  readonly member: string
  /** The incarnation of the member that it is about; its own when the node speaks of itself. */
  readonly incarnation: number | undefined
  readonly why: string | undefined
}

const CONCLUSIONS = new Set([
  'member-alive',
  'member-renewed',
  'member-suspect',
  'claim-withdrawn',
  'verdict',
  'member-dead',
  'member-leaving',
  'member-left',
  'refuted',
  'leaving',
  'left',
  'lease-gained',
  'lease-lost',
])

/** @throws Error naming the line; only the very last line may be cut off, as kill -9 does */
export function parseTrace(text: string): RecordedTrace {
  const lines = text.split('\n')
  const cutOff = lines.pop()
  const [first, ...rest] = lines.map((line, index) => parseLine(line, index + 1))
  const head = first as Partial<RecordedTrace> | undefined
  if (head?.init === undefined || head.now === undefined) {
    throw new Error(`line 1: expected {init, now}, got ${JSON.stringify(first ?? cutOff)?.slice(0, 100)}`)
  }
  const steps = rest.map((step, index) => {
    const { input, now } = step as Partial<RecordedTrace['steps'][number]>
    if (input === undefined || now === undefined) {
      throw new Error(`line ${index + 2}: expected {input, now}, got ${JSON.stringify(step).slice(0, 100)}`)
    }
    return { input, now }
  })
  return { init: head.init, now: head.now, steps }
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new Error(`line ${number}: expected JSON, got ${line.slice(0, 100)}`, { cause: error })
  }
}

/** What a fresh node concludes from the recorded inputs. */
export function replay({ init, now, steps }: RecordedTrace): Conclusion[] {
  const node = new Node({ ...init, check: () => undefined, nextSlot: cronSlots() }, now)
  return steps.flatMap(step => node.step(step.input, step.now).flatMap(concluded))
}

function concluded(effect: Effect): Conclusion[] {
  return effect.kind === 'log' ? conclusionOf(effect.event, effect.fields) : []
}

/** What the daemon's own log (JSON lines) says it concluded. */
export function conclusionsOfLog(text: string): Conclusion[] {
  return text
    .split('\n')
    .filter(line => line.startsWith('{'))
    .flatMap((line, index) => {
      const fields = parseLine(line, index + 1) as Record<string, unknown>
      const { event } = fields
      return conclusionOf(String(event), fields)
    })
}

function conclusionOf(event: string, fields: Readonly<Record<string, unknown>>): Conclusion[] {
  if (!CONCLUSIONS.has(event)) return []
  const {
    member,
    incarnation,
    memberIncarnation = incarnation,
    evidence,
    accuser,
    reason,
    accusers,
    source,
    grantedBy,
  } = fields
  const why = [accuser, evidence, reason, accusers, source, grantedBy]
    .filter(part => part !== undefined)
    .map(String)
  return [
    {
      event,
      member: member === undefined ? 'self' : String(member),
      incarnation: typeof memberIncarnation === 'number' ? memberIncarnation : undefined,
      why: why.length > 0 ? why.join(' ') : undefined,
    },
  ]
}

/** Where two accounts differ, as lines; none when they say the same in the same order. */
export function differences(recorded: readonly Conclusion[], replayed: readonly Conclusion[]): string[] {
  const found: string[] = []
  for (let index = 0; index < Math.max(recorded.length, replayed.length); index++) {
    const was = tell(recorded[index])
    const is = tell(replayed[index])
    if (was !== is) found.push(`${index + 1}: recorded ${was}, replayed ${is}`)
  }
  return found
}

export const tell = (conclusion: Conclusion | undefined): string =>
  conclusion === undefined
    ? 'nothing'
    : [conclusion.event, conclusion.member, conclusion.incarnation, conclusion.why]
        .filter(part => part !== undefined)
        .join(' ')

function main(): void {
  const [trace, log] = argv.slice(2)
  if (trace === undefined) {
    console.error('usage: node test/simulation/replay.ts TRACE [LOG]')
    exit(2)
  }
  const replayed = replay(parseTrace(readFileSync(trace, 'utf8')))
  if (log === undefined) {
    for (const conclusion of replayed) console.log(tell(conclusion))
    return
  }
  const found = differences(conclusionsOfLog(readFileSync(log, 'utf8')), replayed)
  for (const difference of found) console.log(difference)
  console.log(`${replayed.length} conclusions, ${found.length} differences`)
  exit(found.length === 0 ? 0 : 1)
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) main()

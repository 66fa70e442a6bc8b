/** What real nodes answer, held against the API's own description: no field of theirs is missing in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCHEMAS, type SchemaName } from '../../../src/adapters/http/schemas.ts'
import { asNodeId } from '../../../src/base/ids.ts'
import type { Node } from '../../../src/node/node.ts'
import { explanationOf, memberOf, memberViews, ownerOf, ringView, statusOf } from '../../../src/node/views.ts'
import { tasksDefaults } from '../../../src/tasks/config.ts'
import { parseTaskSpec } from '../../../src/tasks/spec.ts'
import { TRUE_CLOCK } from '../../simulation/clock.ts'
import { Cluster } from '../../simulation/cluster.ts'
import type { Host } from '../../simulation/world.ts'

interface Schema {
  readonly type?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly $ref?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
}

/** Paths of what is there and not described, and of what must be there and is not. */
function differences(value: unknown, schema: Schema, at: string): string[] {
  const name = schema.$ref?.split('/').at(-1)
  if (name !== undefined) return differences(value, SCHEMAS[name as SchemaName] as Schema, at)
  if (Array.isArray(value)) return value.flatMap(each => differences(each, schema.items ?? {}, `${at}[]`))
  const { properties, required = [] } = schema
  if (typeof value !== 'object' || value === null || properties === undefined) return []
  const missing = required.filter(key => !Object.hasOwn(value, key)).map(key => `${at}.${key} is missing`)
  const wrong = Object.entries(value).flatMap(([key, part]) => {
    const known = properties[key]
    return known === undefined ? [`${at}.${key} is not described`] : differences(part, known, `${at}.${key}`)
  })
  return [...missing, ...wrong]
}

/** As it travels: fields that are undefined are not there. */
const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const described = (value: unknown, schema: SchemaName): string[] =>
  differences(sent(value), SCHEMAS[schema] as Schema, schema)

function allOf(node: Node, host: Host, now: number): string[] {
  const at = host.clock.at(now)
  const { mode, grants } = statusOf(node, at)
  return [
    ...described(statusOf(node, at), 'Status'),
    ...described({ members: memberViews(node, at.mono) }, 'Members'),
    ...memberViews(node, at.mono).flatMap(({ id }) =>
      described(memberOf(node, id, at.mono), 'MemberWithLedger'),
    ),
    ...described(ringView(node), 'Ring'),
    ...described({ mode, ...grants }, 'Voters'),
    ...['a', 'b', 'c', 'd'].flatMap(key => [
      ...described(ownerOf(node, key, at), 'Owner'),
      ...described(explanationOf(node, key), 'Explanation'),
    ]),
  ]
}

test('each number of a task is taken at both ends of the range that is described, and no further', () => {
  const properties = SCHEMAS.Task.properties as Readonly<Record<string, Schema>>
  const takes = (fields: object): boolean =>
    parseTaskSpec({ type: 'echo', group: 'g', ...fields }, tasksDefaults(4), () => 'an-id').ok
  const ranges = Object.entries(properties).filter(([, { minimum }]) => minimum !== undefined)
  assert.ok(ranges.length >= 6)
  for (const [field, { type, minimum = 0, maximum }] of ranges) {
    const others = field === 'backoffMsMax' ? { backoffMs: 0 } : {}
    const wrong = [minimum - 1, minimum + 0.5, ...(maximum === undefined ? [] : [maximum + 1])]
    assert.equal(type, 'integer', field)
    assert.ok(takes({ ...others, [field]: minimum }), `${field} ${minimum}`)
    assert.ok(maximum === undefined || takes({ ...others, [field]: maximum }), `${field} ${maximum}`)
    for (const value of wrong) assert.ok(!takes({ ...others, [field]: value }), `${field} ${value}`)
  }
})

test('whatever happens to nodes in quorum mode, all that they show is described', () => {
  const seeds = [0, 1, 2, 3]
  const cluster = new Cluster({
    seed: 11,
    hosts: seeds.map(() => ({ clock: TRUE_CLOCK, seeds })),
    list: [],
    grants: { mode: 'quorum', expectedNodes: 4 },
  })
  const { world } = cluster
  const [n1, n2, n3, n4] = world.hosts as [Host, Host, Host, Host]
  const check = (ms: number) => {
    world.runUntil(world.now + ms)
    for (const host of world.hosts) {
      const node = cluster.nodeOf(host)
      if (node !== undefined) assert.deepEqual([...new Set(allOf(node, host, world.now))], [], host.name)
    }
  }
  for (const host of [n1, n2]) world.start(host)
  check(1_000)
  for (const host of [n3, n4]) world.start(host)
  check(6_000)
  for (let number = 0; number < 4; number++) cluster.submit(n1, number)
  check(300)
  cluster.control(n1, { kind: 'voter-remove', node: asNodeId(n4.name) })
  check(1_000)
  check(5_000)
  world.crash(n4)
  check(5_000)
  world.partition([n1], [n2, n3])
  check(8_000)
})

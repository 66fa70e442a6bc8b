import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPlain } from '../../../src/adapters/libp2p/plain.ts'
import { linkSchema } from '../../../src/adapters/libp2p/schema.ts'
import type { Json } from '../../../src/tasks/task.ts'
import { DONE, own, ready } from '../../tasks/scene.ts'
import { linkMessages } from './message-arbitrary.ts'

const spec = {
  id: 't1',
  key: 'k',
  type: 'echo',
  payload: { a: [1] },
  priority: 2,
  maxAttempts: 4,
  backoffMs: 1_000,
  backoffMsMax: 60_000,
  timeoutMs: 300_000,
}
/** With all that a task may ask for. */
const choosy = {
  ...spec,
  placement: 'local',
  concurrent: true,
  group: 'g',
  groupLimit: 3,
  runAt: 4,
  expiresAt: 5,
  backoff: 'fixed',
  dedupe: { key: 'once', ttlMs: 1_000 },
}
const attempt = { number: 1, node: 'n1', startedAt: 5, endedAt: 6, outcome: 'succeeded', token: '7' }
const record = {
  spec,
  source: 'api',
  state: 'succeeded',
  acceptedAt: 4,
  settledAt: 6,
  attempts: [attempt],
  result: null,
  holders: ['n1', 'n2'],
  revision: 3,
  term: 7,
  copies: 2,
}
const slot = { ...record, spec: choosy, source: 'schedule:nightly', dedupeTerm: 7 }
const usual = [
  { type: 'ping', seq: 1 },
  { type: 'ack', seq: 1 },
  { type: 'replicate', batch: 2, records: [slot], ring: 'r', terms: [7] },
  { type: 'forward', id: 'g', hops: 0, request: { kind: 'submit', spec: choosy } },
  { type: 'replicate', batch: 1, records: [record], ring: 'r', terms: [7] },
  { type: 'replicated', batch: 1, counted: true },
  { type: 'forward', id: 'f', hops: 0, request: { kind: 'submit', spec } },
  { type: 'forwards', forwards: [{ id: 'f', hops: 0, request: { kind: 'submit', spec } }] },
  { type: 'forward-reply', id: 'f', reply: { ok: true, record, existed: false, durableCopies: 2 } },
  {
    type: 'forward-replies',
    replies: [{ id: 'f', reply: { ok: true, record, existed: false, durableCopies: 2 } }],
  },
] as const

for (const message of usual) {
  test(`a usual ${message.type} is told apart at a glance`, () => assert.ok(isPlain(message)))
}

test('what an owner in quorum mode sends of a task from its beginning to its end is plain', () => {
  const scene = ready()
  scene.solo.submit(own('a'))
  const sent: unknown[] = [...scene.acknowledge('n2'), ...scene.acknowledge('n3')]
  scene.solo.end('a', 1, DONE)
  sent.push(...scene.acknowledge('n2'), ...scene.acknowledge('n3'))
  assert.ok(sent.length >= 2)
  for (const message of sent) assert.ok(isPlain(JSON.parse(JSON.stringify(message))), JSON.stringify(message))
})

test('what is plain is what the schema takes, as it is', () => {
  fc.assert(
    fc.property(linkMessages, message => {
      const value: unknown = JSON.parse(JSON.stringify(message))
      if (!isPlain(value)) return
      const checked = linkSchema.safeParse(value)
      assert.ok(checked.success)
      assert.deepEqual(checked.data, value)
    }),
    { numRuns: 2_000 },
  )
})

/** Each place in the value, as the path to it. */
function placesIn(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([name, inner]) => placesIn(inner, [...path, name]))]
}

/** A copy with another value in one place; without it, where there is none. */
function withOther(
  value: unknown,
  [name, ...rest]: readonly (string | number)[],
  other: Json | undefined,
): unknown {
  if (name === undefined) return other
  const copy: Record<string | number, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...(value as object) }
  const inner = withOther(Reflect.get(copy, name), rest, other)
  if (inner === undefined && Array.isArray(copy)) copy.splice(Number(name), 1)
  else if (inner === undefined) Reflect.deleteProperty(copy, name)
  else Reflect.set(copy, name, inner)
  return copy
}

test('one wrong value anywhere, or one too few, is left to the schema', () => {
  const others: readonly (Json | undefined)[] = [
    undefined,
    null,
    '',
    -1,
    0.5,
    'x y\n',
    [],
    {},
    true,
    1e300,
    { __x: 1 },
  ]
  let left = 0
  for (const message of usual)
    for (const place of placesIn(message))
      for (const other of others) {
        const value = withOther(message, place, other)
        if (!isPlain(value)) left++
        else {
          const checked = linkSchema.safeParse(value)
          assert.ok(checked.success, `${message.type}: ${place.join('.')} = ${JSON.stringify(other)}`)
          assert.deepEqual(checked.data, value)
        }
      }
  assert.ok(left > 500, `${left} were left to the schema`)
})

test('a field that nobody knows is left to the schema, which drops it', () => {
  for (const message of usual) {
    for (const place of placesIn(message)) {
      const inner = place.reduce<unknown>((value, name) => Reflect.get(value as object, name), message)
      if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) continue
      if (place.includes('payload')) continue
      assert.ok(!isPlain(withOther(message, place, { ...inner, news: 1 } as Json)), place.join('.'))
    }
  }
})

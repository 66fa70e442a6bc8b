import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEVER, type Now } from '../../src/base/time.ts'
import type { Claims } from '../../src/membership/messages.ts'
import type { Effect, Input, Machine } from '../../src/node/machine.ts'
import { World } from './world.ts'

const MESSAGE: Claims = { type: 'claims', claims: [] }

/** Dials what it is told, publishes once at `publishAt`, and notes what gossip brings. */
class Listener implements Machine {
  readonly heard: { at: number; author: string; via: string }[] = []
  #dials: string[]
  #publishAt: number

  constructor(dials: readonly string[], publishAt: number) {
    this.#dials = [...dials]
    this.#publishAt = publishAt
  }

  step(input: Input, now: Now): readonly Effect[] {
    if (input.kind === 'gossip') this.heard.push({ at: now.mono, author: input.author, via: input.via })
    if (input.kind !== 'tick') return []
    const dials = this.#dials.splice(0).map((address, dial): Effect => {
      return { kind: 'dial', dial, address, forceNew: true, timeoutMs: 3_000 }
    })
    if (now.mono < this.#publishAt) return dials
    this.#publishAt = NEVER
    return [...dials, { kind: 'publish', message: MESSAGE }]
  }

  nextWake(): typeof NEVER {
    return NEVER
  }
}

/** Hosts h0, h1...; each pair in `links` is connected; h0 publishes at `publishAt`. */
function world(
  hosts: number,
  links: readonly (readonly [number, number])[],
  publishAt: number,
): { world: World; listeners: Listener[] } {
  const listeners: Listener[] = []
  const made = new World(3, host => {
    const dials = links.flatMap(([from, to]) =>
      from === host.index ? [made.hosts[to]?.address ?? assert.fail('no such host')] : [],
    )
    const listener = new Listener(dials, host.index === 0 ? publishAt : NEVER)
    listeners[host.index] = listener
    return listener
  })
  for (let index = 0; index < hosts; index++) made.addHost(`h${index}`)
  for (const a of made.hosts) {
    for (const b of made.hosts) if (a !== b) made.paths.setDelay(a.index, b.index, 5, 0)
  }
  for (const host of made.hosts) made.start(host)
  return { world: made, listeners }
}

test('in a full mesh a message takes one hop and is handed up once', () => {
  const { world: w, listeners } = world(
    3,
    [
      [0, 1],
      [0, 2],
      [1, 2],
    ],
    1_000,
  )
  w.runUntil(2_000)
  for (const index of [1, 2]) {
    assert.deepEqual(listeners[index]?.heard, [{ at: 1_005, author: 'peer-h0', via: 'peer-h0' }])
  }
  assert.deepEqual(listeners[0]?.heard, [], 'nobody hears itself')
})

test('where two nodes have no connection a third passes the message on', () => {
  const { world: w, listeners } = world(
    3,
    [
      [0, 1],
      [1, 2],
    ],
    1_000,
  )
  w.runUntil(2_000)
  const heard = listeners[2]?.heard[0]
  assert.equal(heard?.via, 'peer-h1')
  assert.equal(heard?.author, 'peer-h0')
  assert.ok(heard.at >= 1_010 && heard.at <= 1_012)
})

test('a stalled connection is overtaken by way of a third node', () => {
  const { world: w, listeners } = world(
    3,
    [
      [0, 1],
      [0, 2],
      [1, 2],
    ],
    1_000,
  )
  w.runUntil(900)
  w.cut(w.host('h0'), w.host('h2'))
  w.runUntil(2_000)
  assert.equal(listeners[2]?.heard[0]?.via, 'peer-h1')
  w.healAll()
  w.runUntil(20_000)
  assert.equal(listeners[2]?.heard.length, 1, 'the late copy is dropped')
})

test('a frozen node passes nothing on until it thaws', () => {
  const { world: w, listeners } = world(
    3,
    [
      [0, 1],
      [1, 2],
    ],
    1_000,
  )
  w.runUntil(900)
  w.freeze(w.host('h1'), 1_100)
  w.runUntil(1_900)
  assert.deepEqual(listeners[2]?.heard, [])
  w.runUntil(2_100)
  assert.equal(listeners[2]?.heard.length, 1)
})

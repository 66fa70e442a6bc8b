import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEVER, type Now } from '../../src/base/time.ts'
import type { Effect, Input, Machine } from '../../src/node/machine.ts'
import { World } from './world.ts'

const LAG_MS = 350
const FRAMES = 20

/** Dials what it is told; once a second has passed it sends numbered frames, one a tick, and publishes with the first. */
class Talker implements Machine {
  readonly frames: { at: number; number: number }[] = []
  readonly gossip: number[] = []
  readonly #dials: string[]
  #link: Extract<Input, { kind: 'link-up' }>['link'] | undefined
  #sent = 0

  constructor(dials: readonly string[]) {
    this.#dials = [...dials]
  }

  step(input: Input, now: Now): readonly Effect[] {
    if (input.kind === 'link-up') this.#link = input.link
    if (input.kind === 'gossip') this.gossip.push(now.mono)
    if (input.kind === 'frame' && input.message.type === 'compare')
      this.frames.push({ at: now.mono, number: Number(input.message.ring) })
    if (input.kind !== 'tick') return []
    const dials = this.#dials.splice(0).map((address, dial): Effect => {
      return { kind: 'dial', dial, address, forceNew: true, timeoutMs: 3_000 }
    })
    if (this.#link === undefined || this.#sent >= FRAMES || now.mono < 1_000) return dials
    const message = { type: 'compare', ring: String(++this.#sent), copies: [] } as const
    const publish: Effect = { kind: 'publish', message: { type: 'claims', claims: [] } }
    const send: Effect = { kind: 'send', link: this.#link, message }
    return this.#sent === 1 ? [...dials, send, publish] : [...dials, send]
  }

  nextWake(): typeof NEVER {
    return NEVER
  }
}

/** What `b` has heard of `a` after ten seconds, in a world that was made restless before. */
function heard(disturb: (world: World) => void): Talker {
  const talkers: Talker[] = []
  const world: World = new World(5, host => {
    const talker = new Talker(host.name === 'a' ? [world.host('b').address] : [])
    talkers.push(talker)
    return talker
  })
  for (const name of ['a', 'b']) world.addHost(name)
  world.paths.setDelay(0, 1, 1, 0)
  world.paths.setDelay(1, 0, 1, 0)
  disturb(world)
  world.start(world.host('b'))
  world.start(world.host('a'))
  world.runUntil(10_000)
  return talkers[0] ?? assert.fail('nobody started')
}

const inOrder = (numbers: readonly number[]): boolean =>
  numbers.every((number, i) => i === 0 || (numbers[i - 1] ?? 0) < number)

test('without unrest frames keep their order, and gossip comes once', () => {
  const { frames, gossip } = heard(() => {})
  assert.equal(frames.length, FRAMES)
  assert.ok(inOrder(frames.map(({ number }) => number)))
  assert.equal(gossip.length, 1)
})

test('what goes by a slower connection keeps its order there, and comes behind what was sent later', () => {
  const { frames } = heard(world => world.unrest.cross(0, 1, 0.5, LAG_MS))
  assert.equal(frames.length, FRAMES)
  const numbers = frames.map(({ number }) => number)
  assert.ok(!inOrder(numbers), 'some are overtaken')
  // One a tick of 100 ms: by the usual one each takes as long.
  const tookMs = frames.map(({ at, number }) => at - number * 100)
  const usual = Math.min(...tookMs)
  const slow = frames.filter((_, i) => (tookMs[i] ?? 0) > usual + LAG_MS / 2)
  assert.ok(slow.length > 3 && slow.length < FRAMES)
  assert.ok(inOrder(slow.map(({ number }) => number)))
})

test('gossip comes late, and again', () => {
  const [usual] = heard(() => {}).gossip
  const late = heard(world => world.unrest.disturbGossip(0.9, 0)).gossip
  assert.equal(late.length, 1)
  assert.ok((late[0] ?? 0) > (usual ?? 0))
  const again = heard(world => world.unrest.disturbGossip(0, 1)).gossip
  assert.equal(again.length, 2)
  assert.equal(again[0], usual)
})

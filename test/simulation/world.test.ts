import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NEVER, type Now } from '../../src/base/time.ts'
import type { Effect, Input, Machine } from '../../src/node/machine.ts'
import { TraceHash } from './trace.ts'
import { type Host, World } from './world.ts'

/** A machine that dials the addresses it is told of, pings what it is linked to, answers, and remembers what it heard. */
class Echo implements Machine {
  readonly heard: { at: number; input: Input }[] = []
  readonly links: number[] = []
  readonly #dials: string[]
  #dial = 0
  #pings = 0
  persistOnPing = false

  constructor(dials: readonly string[]) {
    this.#dials = [...dials]
  }

  step(input: Input, now: Now): readonly Effect[] {
    if (input.kind !== 'tick') this.heard.push({ at: now.mono, input })
    const effects: Effect[] = []
    if (input.kind === 'tick') {
      for (const address of this.#dials.splice(0)) effects.push(this.redial(address))
      for (const link of this.links) {
        effects.push({ kind: 'send', link: link as never, message: { type: 'ping', seq: ++this.#pings } })
      }
    }
    if (input.kind === 'link-up') this.links.push(input.link)
    if (input.kind === 'link-down') this.links.splice(this.links.indexOf(input.link), 1)
    if (input.kind === 'frame' && input.message.type === 'ping') {
      const ack: Effect = {
        kind: 'send',
        link: input.link,
        message: { type: 'ack', seq: input.message.seq },
      }
      effects.push(this.persistOnPing ? { kind: 'persist', writes: [], then: [ack] } : ack)
    }
    if (input.kind === 'leave') effects.push({ kind: 'left' })
    return effects
  }

  redial(address: string): Effect {
    return { kind: 'dial', dial: ++this.#dial, address, forceNew: true, timeoutMs: 3_000 }
  }

  dialLater(address: string): void {
    this.#dials.push(address)
  }

  nextWake(): typeof NEVER {
    return NEVER
  }

  of(kind: Input['kind']): { at: number; input: Input }[] {
    return this.heard.filter(entry => entry.input.kind === kind)
  }

  acks(): number[] {
    return this.heard.filter(e => e.input.kind === 'frame' && e.input.message.type === 'ack').map(e => e.at)
  }
}

interface Pair {
  world: World
  a: Host
  b: Host
  near: Echo
  far: Echo
}

/** `a` dials `b`; 1 ms apart. */
function pair(seed = 1): Pair {
  const machines: Echo[] = []
  const world: World = new World(seed, host => {
    const machine = new Echo(host.name === 'a' ? [world.host('b').address] : [])
    machines.push(machine)
    return machine
  })
  const a = world.addHost('a')
  const b = world.addHost('b')
  world.paths.setDelay(0, 1, 1, 0)
  world.paths.setDelay(1, 0, 1, 0)
  world.start(b)
  world.start(a)
  return { world, a, b, near: machines[1] as Echo, far: machines[0] as Echo }
}

const last = (machine: Echo, kind: Input['kind']): Input | undefined => machine.of(kind).at(-1)?.input

test('a dial takes one round trip for TCP and two for the handshake, and both ends hear of the link', () => {
  const { world, near, far } = pair()
  world.runUntil(50)
  assert.equal(near.of('link-up')[0]?.at, 6)
  assert.equal(far.of('link-up')[0]?.at, 7)
  const dialled = last(near, 'dialled')
  assert.ok(dialled?.kind === 'dialled' && dialled.result.ok)
})

test('a killed process is told by its kernel, and a dial to its host is refused', () => {
  const { world, a, b, near } = pair()
  world.runUntil(1_000)
  world.crash(b)
  world.runUntil(1_010)
  assert.deepEqual(last(near, 'link-down'), {
    kind: 'link-down',
    link: 1,
    peer: 'peer-b',
    cause: 'remote',
  })
  near.dialLater(b.address)
  world.runUntil(1_200)
  const dialled = last(near, 'dialled')
  assert.ok(dialled?.kind === 'dialled' && !dialled.result.ok && dialled.result.reason === 'refused')
  assert.equal(a.process?.alive, true)
})

test('a host without power says nothing; after its restart old connections are reset', () => {
  const { world, b, near } = pair()
  world.runUntil(1_000)
  world.powerOff(b)
  world.runUntil(3_000)
  assert.equal(near.of('link-down').length, 0)
  near.dialLater(b.address)
  world.runUntil(6_500)
  const dialled = last(near, 'dialled')
  assert.ok(dialled?.kind === 'dialled' && !dialled.result.ok && dialled.result.reason === 'timeout')
  world.start(b)
  world.runUntil(14_000)
  const down = last(near, 'link-down')
  assert.ok(down?.kind === 'link-down' && down.cause === 'remote')
})

test('after a cut an old connection waits for its next retransmission, a new one works at once', () => {
  const { world, a, b, near } = pair()
  world.runUntil(1_000)
  world.cut(a, b)
  world.runUntil(9_000)
  assert.equal(near.of('link-down').length, 0)
  world.heal(a, b)
  near.dialLater(b.address)
  world.runUntil(9_150)
  assert.equal(near.of('link-up').length, 2)
  const before = near.acks().filter(at => at > 1_010 && at < 9_000)
  assert.deepEqual(before, [])
  // Retransmissions of the ping lost at 1.1 s come 0.2, 0.6, 1.4, 3.0, 6.2 and 12.6 s after it.
  const seqs = near.acks().length
  world.runUntil(13_600)
  const slow = near.acks().length - seqs
  world.runUntil(13_900)
  assert.ok(near.acks().length - seqs - slow > 80, 'the old connection delivers its backlog at once')
})

test('a connection that is cut for ever breaks after a quarter of an hour, without blaming the other end', () => {
  const { world, a, b, near } = pair()
  world.runUntil(1_000)
  world.cut(a, b)
  world.runUntil(15 * 60_000)
  assert.equal(near.of('link-down').length, 0)
  world.runUntil(18 * 60_000)
  const down = last(near, 'link-down')
  assert.ok(down?.kind === 'link-down' && down.cause === 'error')
})

test('a one-way cut silences both directions, the open one a retransmission timeout later', () => {
  const { world, a, b, near, far } = pair()
  world.runUntil(1_000)
  world.cutOneWay(a, b)
  world.runUntil(5_000)
  const pings = (machine: Echo): number[] =>
    machine.heard
      .filter(e => e.input.kind === 'frame' && e.input.message.type === 'ping' && e.at > 1_002)
      .map(e => e.at)
  assert.deepEqual(pings(far), [])
  assert.ok(pings(near).every(at => at < 1_205) && pings(near).length >= 1)
  near.dialLater(b.address)
  world.runUntil(9_000)
  const dialled = last(near, 'dialled')
  assert.ok(dialled?.kind === 'dialled' && !dialled.result.ok && dialled.result.reason === 'timeout')
})

test('a frozen process hears everything after it thaws, in order, behind a tick', () => {
  const { world, b, far } = pair()
  world.runUntil(1_000)
  const before = far.heard.length
  world.freeze(b, 2_000)
  world.runUntil(2_999)
  assert.equal(far.heard.length, before)
  world.runUntil(3_000)
  const waited = far.heard.slice(before)
  assert.ok(waited.length >= 19 && waited.every(entry => entry.at === 3_000))
  const seqs = waited.flatMap(e =>
    e.input.kind === 'frame' && e.input.message.type === 'ping' ? [e.input.message.seq] : [],
  )
  assert.deepEqual(
    seqs,
    seqs.toSorted((x, y) => x - y),
  )
})

test('a dial to a frozen process is answered when it thaws, or times out', () => {
  const { world, b, near } = pair()
  world.runUntil(1_000)
  world.freeze(b, 1_000)
  near.dialLater(b.address)
  world.runUntil(1_990)
  assert.equal(near.of('dialled').length, 1)
  world.runUntil(2_050)
  assert.equal(near.of('dialled').length, 2)
  world.freeze(b, 10_000)
  near.dialLater(b.address)
  world.runUntil(6_000)
  const dialled = last(near, 'dialled')
  assert.ok(dialled?.kind === 'dialled' && !dialled.result.ok && dialled.result.reason === 'timeout')
})

test('loss delays frames by retransmission timeouts but keeps their order and loses none', () => {
  const { world, near, far } = pair(7)
  world.runUntil(1_000)
  world.paths.setLoss(0, 1, 0.2)
  world.runUntil(60_000)
  world.paths.setLoss(0, 1, 0)
  world.runUntil(70_000)
  const seqs = far.heard.flatMap(e =>
    e.input.kind === 'frame' && e.input.message.type === 'ping' ? [e.input.message.seq] : [],
  )
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => index + 1),
  )
  assert.ok(seqs.length > 690)
  const times = near.acks()
  const gaps = times.map((at, index) => at - (times[index - 1] ?? at)).filter(gap => gap > 190)
  assert.ok(gaps.length > 20, `${gaps.length} stalls`)
})

test('what was asked to follow a write is lost with the process when the write was under way', () => {
  const { world, b, near, far } = pair()
  far.persistOnPing = true
  b.disk.setCommitMs(200, 200)
  world.runUntil(1_050)
  const acked = near.acks()
  assert.ok(acked.length >= 4 && (acked[0] ?? 0) > 200)
  world.crash(b)
  world.runUntil(3_000)
  assert.equal(near.acks().length, acked.length)
})

test('an address that moved answers with the process that has it now', () => {
  const { world, b, near } = pair()
  world.runUntil(1_000)
  world.crash(b)
  const c = world.addHost('c')
  c.address = b.address
  world.readdress(b)
  world.start(c)
  near.dialLater(c.address)
  world.runUntil(1_500)
  const dialled = last(near, 'dialled')
  assert.ok(dialled?.kind === 'dialled' && dialled.result.ok && dialled.result.peer === c.peer)
})

test('a leave closes the links for the others', () => {
  const { world, b, near } = pair()
  world.runUntil(1_000)
  world.leave(b, 1_000)
  world.runUntil(1_010)
  assert.equal(near.of('link-down').length, 1)
  assert.equal(b.left, true)
})

test('clocks run at their own rate and are told apart', () => {
  const ticks: number[] = []
  const world = new World(1, () => ({
    step: (_input, now) => {
      ticks.push(now.mono)
      return []
    },
    nextWake: () => NEVER,
  }))
  const host = world.addHost('a', { offsetMs: 5_000, rate: 1.1, wallOffsetMs: 60_000 })
  world.start(host)
  world.runUntil(950)
  assert.equal(ticks[0], 5_000)
  assert.equal(ticks.length, 11)
  assert.ok(Math.abs((ticks[10] ?? 0) - 6_000) < 1e-6)
})

test('the same seed gives the same trace, another seed another', () => {
  const trace = (seed: number): string => {
    const { world, a, b } = pair(seed)
    const hash = new TraceHash()
    world.watch(hash)
    world.paths.setLoss(0, 1, 0.1)
    world.paths.setDelay(1, 0, 5, 20)
    world.runUntil(5_000)
    world.freeze(b, 700)
    world.cut(a, b)
    world.runUntil(8_000)
    world.healAll()
    world.runUntil(20_000)
    return hash.value
  }
  assert.equal(trace(3), trace(3))
  assert.notEqual(trace(3), trace(4))
})

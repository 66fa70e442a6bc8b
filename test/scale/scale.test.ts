/** The small version of `run.ts`: clusters that are a full mesh and such as are not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { World } from './world.ts'

function joined(size: number, quorum = false): World {
  const world = new World({ size, seed: 7, quorum })
  for (const host of world.hosts) world.wheel.at(world.random.between(0, 500), () => host.start())
  world.run(501)
  assert.ok(world.agree(world.hosts, 5_000) !== undefined, `${size} nodes agree after a join storm`)
  world.run(3_000)
  return world
}

for (const size of [32, 48]) {
  test(`${size} nodes: a tenth that crashes is known to all at once, a cut to the larger side in four seconds, a heal in three`, () => {
    const world = joined(size)
    for (const host of world.random.shuffle(world.hosts).slice(0, Math.trunc(size / 10))) host.kill()
    const crashMs = world.agree(world.running, 5_000)?.last
    assert.ok(crashMs !== undefined && crashMs <= 500, `crash known in ${crashMs} ms`)
    const hosts = world.running
    const many = new Set(hosts.slice(0, Math.ceil(hosts.length * 0.7)))
    world.fabric.cut(host => (many.has(host) ? 0 : 1))
    const cutMs = world.agree([...many], 10_000)?.last
    assert.ok(cutMs !== undefined && cutMs <= 4_000, `cut known in ${cutMs} ms`)
    world.fabric.heal()
    const healMs = world.agree(hosts, 10_000)?.last
    assert.ok(healMs !== undefined && healMs <= 3_000, `one cluster again in ${healMs} ms`)
    assert.deepEqual([...world.falseDeaths], [])
  })
}

test('nobody is buried while a fifth of all segments is lost', () => {
  const world = joined(40)
  world.fabric.loss = 0.2
  world.run(8_000)
  assert.deepEqual([...world.falseDeaths], [])
  world.fabric.loss = 0
  assert.ok(world.agree(world.running, 5_000) !== undefined)
})

for (const size of [1, 3]) {
  test(`a part of ${size} that is cut off from 40 finds itself alone in half a minute, without an operator`, () => {
    const world = joined(40)
    const few = new Set(world.random.shuffle(world.hosts).slice(0, size))
    world.fabric.cut(host => (few.has(host) ? 0 : 1))
    const aloneMs = world.agree([...few], 30_000)?.last
    assert.ok(aloneMs !== undefined, 'alone')
    assert.ok(aloneMs >= 5_000, `not before it has doubted itself: ${aloneMs} ms`)
    world.fabric.heal()
    assert.ok(world.agree(world.hosts, 10_000) !== undefined, 'one cluster again')
    assert.deepEqual([...world.falseDeaths], [])
  })
}

test('frames do not grow with the cluster above 32 members, and bytes by two a member and vector', () => {
  const [small, large] = [36, 60].map(size => {
    const world = joined(size)
    // Links of the time when the cluster was small are closed after half a minute.
    world.run(40_000)
    world.traffic()
    world.run(4_000)
    const counts = world.traffic()
    const mean = (of: (one: (typeof counts)[number]) => number): number =>
      counts.reduce((sum, one) => sum + of(one), 0) / counts.length / 4
    return {
      frames: mean(({ sent, out }) => sent.frames - out.heartbeats.frames),
      bytes: mean(({ sent, out }) => sent.bytes - out.heartbeats.bytes),
    }
  })
  assert.ok(small && large)
  assert.ok(large.frames <= 1.1 * small.frames, `${small.frames} and then ${large.frames} frames a second`)
  const vectors = 2 * 26
  const grown = (large.bytes - small.bytes) / (60 - 36) / vectors
  assert.ok(grown <= 2.5, `${grown} bytes a member and vector`)
})

test('48 that expect each other find their voters, and all may act; a smaller side stops before the larger one evicts it', () => {
  const world = joined(48, true)
  const acts = world.until(world.hosts, host => host.acts, 10_000)
  assert.ok(acts !== undefined, 'all may act')
  world.run(37_000)
  const links = world.hosts.map(host => host.peers.size)
  for (const voter of links.slice(0, world.voters.length)) assert.equal(voter, 47)
  assert.ok(Math.max(...links.slice(world.voters.length)) <= 42, `${Math.max(...links)} links`)
  const few = new Set([...world.voters.slice(0, 2), ...world.hosts.slice(-12)])
  world.fabric.cut(host => (few.has(host) ? 0 : 1))
  const fenced = world.watch([...few], host => !host.hasLease)
  const many = world.hosts.filter(host => !few.has(host))
  const known = world.agree(many, 10_000)
  const stopped = fenced.end()
  assert.ok(known !== undefined && known.last <= 4_000, `cut known in ${known?.last} ms`)
  assert.ok(stopped !== undefined && stopped.last <= 2_000, `stopped in ${stopped?.last} ms`)
  assert.deepEqual([...world.falseDeaths], [])
})

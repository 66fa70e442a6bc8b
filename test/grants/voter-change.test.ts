/**
 * Random lives of a voter list: it is formed and changed while messages are lost and late, disks are slow, clocks differ,
 * nodes crash and come back, one at a time loses its disk, and the network is cut.
 *
 * Invariant 1, checked at every tick of every node: whenever two nodes hold, each under the list on its own disk, live
 * leaves of a quorum, a voter in both quorums has told one of them of the other. This is all that the other rules need
 * of lists: who has been told of a promise to another does not act for a key that the promise covers.
 *
 * Why it holds. Lists of one history are in force at most two side by side: nobody gets a quorum of a list once a quorum
 * of it has the next on disk, and the one after that is made a promise's length later, when the last lease under the
 * first is over. Neighbours share a voter: the joint list takes more than half of both its sides, and half plus more than
 * half is more than all. Which joint list follows is decided once (Paxos), and two that compete both contain more than
 * half of the list before, so even they share a voter. "A quorum has it on disk" is said of one moment (`Moment`): words of
 * different times add up to nothing, since each may have lost its disk after its own. A voter that did says nothing that
 * counts until it has heard from enough of the others that any list it may have taken part in is among what it heard.
 *
 * Invariant 2: a term that was taken is above every term that was taken before it was asked for. Why: see the floor.
 *
 * And when the weather is fine again everybody ends with one and the same list and can act under it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/base/ids.ts'
import { isMajority } from '../../src/grants/voter-list.ts'
import { VoterWorld } from './voter-world.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const STORM_MS = 45_000
const CALM_MS = 25_000

const { ROUNDTABLE_SEED, ROUNDTABLE_SEEDS } = process.env
const first = Number(ROUNDTABLE_SEED ?? 1)
const seeds = Array.from(
  { length: Number(ROUNDTABLE_SEEDS ?? (ROUNDTABLE_SEED === undefined ? 20 : 1)) },
  (_, i) => first + i,
)

interface Tally {
  overlaps: number
  changes: number
  terms: number
}

function live(world: VoterWorld, everyMs: number, fault: (world: VoterWorld) => void): Tally {
  const { random } = world
  for (const id of world.ids) world.at(random.between(0, 3_000), () => world.start(id))
  watch(world)
  every(world, everyMs, () => fault(world))
  world.runUntil(STORM_MS)
  calm(world)
  world.runUntil(STORM_MS + CALM_MS)
  agree(world)
  return { overlaps: world.overlaps, changes: world.changes, terms: world.taken.length }
}

function worldOf(seed: number): VoterWorld {
  const count = 3 + (seed % 5)
  const names = NAMES.slice(0, count)
  const named = names.slice(seed % 2, 1 + (seed % count) + (seed % 2))
  const voters = seed % 3 === 0 || named.length === 0 ? {} : { voters: named as NodeId[] }
  const expected = 'voters' in voters ? {} : { expectedNodes: Math.max(2, Math.floor(count / 2) + 1) }
  return new VoterWorld(seed, names, { ...voters, ...expected })
}

/** Every node has a view of the others, now and then a wrong one. */
function watch(world: VoterWorld): void {
  every(world, 400, () => {
    const missing = world.weather.loss > 0 ? 0.04 : 0
    for (const id of world.ids) world.look(id, world.view(id, missing))
  })
}

function every(world: VoterWorld, ms: number, run: () => void): void {
  const again = (): void => {
    run()
    world.at(ms, again)
  }
  world.at(ms, again)
}

/** One thing that goes wrong, or is wanted, or ends. */
function storm(world: VoterWorld): void {
  if (world.now > STORM_MS) return
  const { random } = world
  const someone = random.pick(world.ids)
  const other = random.pick(world.ids)
  if (someone === undefined || other === undefined) return
  const dice = random.next()
  if (dice < 0.3) world.change(someone, random.chance(0.5) ? 'add' : 'remove', other)
  else if (dice < 0.45) world.crash(someone)
  else if (dice < 0.5) loseDisk(world, someone)
  else if (dice < 0.75) for (const id of world.ids) world.start(id)
  else if (dice < 0.85) for (const id of world.ids) world.sides.set(id, random.below(2))
  else if (dice < 0.95) for (const id of world.ids) world.sides.set(id, 0)
  else world.weather = { loss: random.between(0, 0.3), delayMsMax: random.between(5, 1_500) }
}

/**
 * A change of which only some have heard when they are cut off from the others. One of them loses its disk and comes back
 * to these: what it said is not so any more. Then the sides are others.
 */
function betray(world: VoterWorld): void {
  if (world.now > STORM_MS) return
  const { random } = world
  const someone = random.pick(world.ids)
  const other = random.pick(world.ids)
  if (someone === undefined || other === undefined) return
  world.change(someone, random.chance(0.2) ? 'add' : 'remove', other)
  world.weather = { loss: 0.75, delayMsMax: 3 }
  const have = (): readonly NodeId[] =>
    world.ids.filter(id => world.machine(id).disk.voters?.previous !== undefined)
  const cut = (sideOf: (id: NodeId) => number): void => {
    if (world.now < STORM_MS) for (const id of world.ids) world.sides.set(id, sideOf(id))
  }
  let looks = 0
  const look = (): void => {
    const heard = have()
    if (heard.length < 2 && looks++ < 12_000) {
      world.at(0.5, look)
      return
    }
    world.weather = { loss: 0, delayMsMax: 10 }
    cut(id => Number(heard.includes(id)))
    world.at(random.between(50, 700), () => {
      const victim = random.pick(have().filter(id => id !== someone))
      if (victim === undefined || world.now >= STORM_MS) return
      loseDisk(world, victim)
      cut(id => Number(heard.includes(id) && id !== victim))
      world.at(random.between(0, 500), () => world.start(victim))
      world.at(random.between(2_500, 5_000), () => cut(() => random.below(2)))
    })
  }
  look()
}

/**
 * One at a time: until its voter knows its top again, no other disk is lost. And not that of one who is a quorum by
 * itself: nothing can be promised when what a quorum knew is lost.
 */
function loseDisk(world: VoterWorld, id: NodeId): void {
  if (world.forgetful !== undefined && world.machine(world.forgetful).disk.top === undefined) return
  if (world.machine(id).disk.top === undefined) return
  const alone = [...world.machines.values()].some(({ disk }) => {
    const sides = disk.voters === undefined ? [] : [disk.voters.names, disk.voters.previous ?? []]
    return sides.some(names => isMajority(names, new Set([id]), true))
  })
  if (alone) return
  world.crash(id)
  world.wipe(id)
}

function calm(world: VoterWorld): void {
  world.note('calm')
  world.weather = { loss: 0, delayMsMax: 10 }
  for (const id of world.ids) {
    world.sides.set(id, 0)
    world.start(id)
  }
}

function agree(world: VoterWorld): void {
  const lists = [...world.machines.values()].map(({ up }) => up?.book.name)
  const story = world.story.slice(-80).join('\n')
  assert.ok(
    lists.every(name => name !== undefined && name.hash === lists[0]?.hash),
    `lists differ\n${story}`,
  )
  for (const machine of world.machines.values()) {
    assert.equal(machine.up?.book.list?.previous, undefined, `a change never ended\n${story}`)
    assert.ok(world.acting(machine) !== undefined, `${machine.id} has no quorum\n${story}`)
  }
}

for (const seed of seeds) {
  test(`voter lists, seed ${seed}: quorums share a voter, terms rise, and the list comes to rest (ROUNDTABLE_SEED=${seed})`, () => {
    const tally = live(worldOf(seed), 900, storm)
    if (ROUNDTABLE_SEED !== undefined) console.log(tally)
  })
}

/** Found when a word counts without being said again. */
const BETRAYED = [119, 133, 245]

for (const seed of ROUNDTABLE_SEED === undefined ? [...seeds, ...BETRAYED] : seeds) {
  test(`a change of which few hear, one of whom loses its disk, seed ${seed}: quorums share a voter (ROUNDTABLE_SEED=${seed})`, () => {
    const names = NAMES.slice(0, 3 + (seed % 3))
    const world = new VoterWorld(seed, names, { voters: names as NodeId[] })
    const tally = live(world, 11_000, betray)
    if (ROUNDTABLE_SEED !== undefined) console.log(tally)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from './fault.ts'
import { makeSchedule, type Schedule } from './schedule.ts'
import { type Shape, shapeOf } from './shape.ts'
import { isTwin } from './twins.ts'

const SEEDS = 150
const NODES = 5

const make = (seed: number, extras: Shape['extras']): Schedule =>
  makeSchedule(shapeOf(seed, { profile: 'mixed', mode: 'quorum', nodes: NODES, extras }))

const drawn = Array.from({ length: SEEDS }, (_, seed) => make(seed, 'upheavals'))

/** What the upheavals of a run are: what it has more than the same one without. */
function added(schedule: Schedule): Fault[] {
  const usual = new Set(make(schedule.seed, 'none').faults.map(fault => JSON.stringify(fault)))
  return schedule.faults.filter(fault => !usual.has(JSON.stringify(fault)))
}

const runs = drawn.map(added)

const orders = (faults: readonly Fault[], kind: string): Extract<Fault, { kind: 'control' }>[] =>
  faults.flatMap(fault => (fault.kind === 'control' && fault.request.kind === kind ? [fault] : []))

/** Hosts that have one of these faults. */
const hit = (faults: readonly Fault[], kind: Fault['kind']): Set<number> =>
  new Set(faults.flatMap(fault => (fault.kind === kind && 'host' in fault ? [fault.host] : [])))

const share = (holds: (faults: readonly Fault[]) => boolean): number => runs.filter(holds).length / SEEDS

test('upheavals move nothing of what a seed has without them', () => {
  for (const { seed, faults } of drawn.slice(0, 30)) {
    const left = faults.map(fault => JSON.stringify(fault))
    // Losses that follow a loss are drawn from it.
    const usual = make(seed, 'none').faults.filter(({ kind }) => kind !== 'lose-again')
    for (const fault of usual) assert.ok(left.includes(JSON.stringify(fault)), JSON.stringify(fault))
  }
})

test('in some runs all are cordoned before the first comes back, and all have come back in the end', () => {
  const cordoned = runs.filter(faults => orders(faults, 'cordon').length > 0)
  assert.ok(cordoned.length > SEEDS * 0.4)
  for (const faults of cordoned) {
    const cordons = orders(faults, 'cordon').toSorted((a, b) => a.at - b.at)
    const round = cordons.slice(0, NODES)
    assert.equal(new Set(round.map(({ host }) => host)).size, NODES)
    const last = round.at(-1)?.at ?? assert.fail('nobody is cordoned')
    const first = Math.min(...orders(faults, 'uncordon').map(({ at }) => at))
    assert.ok(first > last || cordons.length > NODES, `${first} is before ${last}`)
    const latest = Math.max(...cordons.map(({ at }) => at))
    const back = orders(faults, 'uncordon').filter(({ at }) => at >= latest)
    assert.equal(new Set(back.map(({ host }) => host)).size, NODES)
  }
})

test('in some runs all leave or all are down, and are started later, at most one without its disk', () => {
  const all = (kind: Fault['kind']) => share(faults => hit(faults, kind).size === NODES)
  assert.ok(all('leave') > 0.25 && all('leave') < 0.55, `${all('leave')}`)
  assert.ok(all('crash') > 0.05 && all('power-off') > 0.05)
  for (const faults of runs) {
    const lost = faults.filter(fault => fault.kind === 'start' && fault.disk !== 'kept')
    assert.ok(lost.length <= 1)
    if (hit(faults, 'leave').size === NODES) assert.equal(hit(faults, 'start').size, NODES)
  }
  assert.ok(share(faults => faults.some(fault => fault.kind === 'start' && fault.disk !== 'kept')) > 0.1)
})

test('in some runs a member is forgotten that is started again', () => {
  const returned = share(faults => {
    const [forgotten] = orders(faults, 'forget')
    if (forgotten === undefined) return false
    const name = forgotten.request.kind === 'forget' ? forgotten.request.node : ''
    return faults.some(
      fault => fault.kind === 'start' && `n${fault.host + 1}` === name && fault.at > forgotten.at,
    )
  })
  assert.ok(returned > 0.3, `${returned}`)
})

test('in some runs all nodes wait before they own anything, or a full disk gets room by and by', () => {
  const waiting = drawn.filter(({ hosts }) => hosts.every(({ joinDelayMs }) => joinDelayMs > 0)).length
  assert.ok(waiting > SEEDS * 0.15 && waiting < SEEDS * 0.5, `${waiting}`)
  assert.ok(share(faults => hit(faults, 'disk-room').size > 0) > 0.3)
})

test('in some runs two tasks have one id, under two keys', () => {
  const twins = drawn.map(({ work }) => work.specs.filter(({ id }) => isTwin(id)))
  const some = twins.filter(specs => specs.length > 0)
  assert.ok(some.length > SEEDS * 0.4)
  for (const specs of some) {
    const keys = new Map<string, Set<string>>()
    for (const { id, key } of specs) keys.set(id, new Set([...(keys.get(id) ?? []), key]))
    for (const [id, of] of keys) assert.equal(of.size, 2, id)
  }
})

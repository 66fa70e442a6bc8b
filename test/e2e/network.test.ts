/**
 * Real daemons on hosts of their own: network namespaces with a switch between them, and a cut in that switch. The whole
 * of it, with every fault and beside Serf, is `../faults/run.ts`; here is its heart, short enough for every day.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostsMissing } from '../faults/hosts.ts'
import { removeAll, Scene } from '../faults/scene.ts'
import { until } from '../faults/started.ts'
import { staleAccepted } from './act-ledger.ts'

const TWO = [1, 2]
const THREE = [3, 4, 5]

/** What has not come by then never does: the test then says what. */
const WAIT_MS = 20_000

/** After it nobody acts without a renewal, on a busy machine whose timers come late. */
const LEASE_MS = 2_500

test('two of five hosts that are cut off stop, the three act for every key, and no key is acted for on both sides', {
  timeout: 120_000,
}, async t => {
  const why = hostsMissing()
  if (why !== undefined) return t.skip(why)
  t.after(() => void removeAll())
  const scene = await Scene.open({ hosts: 5, keys: 24, commands: 4 })
  const { fleet, collector, hosts } = scene
  const since = hosts.fault('partition', TWO.join(), THREE.join())
  const [fenced, acting] = await Promise.all([
    fleet.last(fleet.on(TWO), 'fenced', since, WAIT_MS),
    scene.allActedFor(THREE, since, WAIT_MS),
  ])
  assert.ok(fenced !== null && fenced < LEASE_MS, `the two are fenced after ${fenced} ms`)
  assert.ok(acting !== null, 'the three act for every key')
  assert.ok(fleet.on(THREE).every(member => fleet.sees(member, fleet.on(THREE))))
  const last = scene.lastSign(TWO, since)
  assert.ok(last < LEASE_MS, `somebody among the two acted for ${last} ms`)
  const { agree, act } = await scene.heal()
  assert.ok(agree !== null && act !== null, 'all agree after the heal, and somebody acts for every key')
  const back = await until(() => TWO.every(host => collector.keysOf(`n${host}`).length > 0), WAIT_MS)
  assert.ok(back !== null, 'the two act again')
  await scene.close()
  assert.deepEqual(collector.overlaps(), [])
  assert.deepEqual(staleAccepted(collector.signs), [])
  assert.ok(collector.between(since).length > 0)
})

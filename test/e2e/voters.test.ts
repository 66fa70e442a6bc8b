/**
 * The voter list changes while a partition heals, with real daemons on hosts of their own. Begun by the larger side, which
 * alone can decide it; the smaller one, and in it the voter that goes, hears of it when the network is whole again.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { hostsMissing } from '../faults/hosts.ts'
import { removeAll, Scene } from '../faults/scene.ts'
import { monotonicMs, until } from '../faults/started.ts'
import { staleAccepted } from './act-ledger.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))

const ALL = [1, 2, 3, 4, 5]
const [FEW, MANY] = [ALL.slice(0, 2), ALL.slice(2)]
const NAMES = ALL.map(host => `n${host}`)

/** A change outlasts every promise given under the old list; what has not come by then never does. */
const WAIT_MS = 40_000

interface List {
  readonly event: string
  readonly version: number
  readonly names: readonly string[]
  readonly previous?: readonly string[]
}

/** The newest list that a daemon has, by its log: to ask five command lines again and again would take the cores. */
function listOf(scene: Scene, host: number): List | undefined {
  const lines = readFileSync(join(scene.directory, `n${host}.log`), 'utf8').split('\n')
  const last = lines.findLast(line => line.startsWith('{') && line.includes('"event":"voters"'))
  return last === undefined ? undefined : (JSON.parse(last) as List)
}

/** Waits until every daemon has the same list of these names, and no change is under way; its version. */
async function settled(scene: Scene, names: readonly string[]): Promise<number> {
  const lists = (): readonly (List | undefined)[] => ALL.map(host => listOf(scene, host))
  const isSame = (list: List | undefined, _: number, [first]: readonly (List | undefined)[]): boolean =>
    list !== undefined &&
    list.version === first?.version &&
    list.previous === undefined &&
    list.names.toSorted().join() === names.join()
  const took = await until(() => lists().every(isSame), WAIT_MS)
  assert.ok(took !== null, `not one list of ${names.join()} on all: ${JSON.stringify(lists())}`)
  return listOf(scene, 1)?.version ?? 0
}

/** As an operator gives it. @throws when it is refused, with the reason */
async function order(scene: Scene, host: number, verb: 'add' | 'remove', node: string): Promise<void> {
  const args = ['voters', verb, node, '--url', 'http://127.0.0.1:7373']
  await promisify(execFile)(...scene.hosts.on(host, PROGRAM, args))
}

test('a voter is removed and added while a partition heals: no key is acted for twice, and all have one list', {
  timeout: 120_000,
}, async t => {
  const why = hostsMissing()
  if (why !== undefined) return t.skip(why)
  t.after(() => void removeAll())
  const scene = await Scene.open({ hosts: ALL.length, keys: 24, commands: 4 })
  const { collector, fleet, hosts } = scene
  const first = await settled(scene, NAMES)

  const since = hosts.fault('partition', FEW.join(), MANY.join())
  assert.ok((await scene.allActedFor(MANY, since, WAIT_MS)) !== null, 'the larger side acts for every key')
  await order(scene, 3, 'remove', 'n1')
  const [, without] = await Promise.all([scene.heal(), settled(scene, NAMES.slice(1))])
  assert.ok(without > first, `version ${without} after ${first}`)
  // From the side that was cut off: it has to know the list that it changes.
  await order(scene, 2, 'add', 'n1')
  const whole = await settled(scene, NAMES)
  assert.ok(whole > without, `version ${whole} after ${without}`)

  await fleet.whole()
  assert.ok((await scene.allActedFor(ALL, monotonicMs(), WAIT_MS)) !== null, 'somebody acts for every key')
  await scene.close()
  assert.deepEqual(collector.overlaps(), [])
  assert.deepEqual(staleAccepted(collector.signs), [])
  assert.ok(
    collector.between(since).some(({ node }) => node === 'n1'),
    'the one that was removed acts again',
  )
})

/**
 * Of three nodes one is short of CPU time and stands still for a part of each second, and another one is silent for good.
 * The third one waits for the word of the first: it must come.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './cluster.ts'
import type { Host } from './world.ts'

/** A series counts as a way to live after ten seconds; then a silence, in time awake, and a hold. */
const KNOWN_MS_MAX = 20_000

for (const mode of ['available', 'quorum'] as const) {
  test(`of three nodes, one that stutters, the one that is silent is called dead (${mode})`, () => {
    const hosts = [0, 1, 2].map(() => ({ seeds: [0, 1, 2] }))
    const grants = mode === 'quorum' ? { grants: { mode, expectedNodes: 3 } } : {}
    const cluster = new Cluster({ seed: 1, hosts, list: [], ...grants })
    const { world } = cluster
    for (const from of [0, 1, 2])
      for (const to of [0, 1, 2]) if (from !== to) world.paths.setDelay(from, to, 0.5, 2)
    for (const host of world.hosts) world.start(host)
    world.runUntil(15_000)
    const [well, stuttering, silent] = world.hosts
    assert.ok(well && stuttering && silent)
    world.freeze(silent)
    const statusIn = (by: Host, of: Host): string | undefined =>
      cluster.belief(by)?.members.find(({ id }) => id === of.name)?.status
    for (let at = 15_000; at < 15_000 + KNOWN_MS_MAX; at += 1_000) {
      world.freeze(stuttering, 600)
      world.runUntil(at + 1_000)
      assert.equal(statusIn(well, stuttering), 'alive', 'nobody takes it for dead')
    }
    assert.deepEqual([statusIn(well, silent), statusIn(stuttering, silent)], ['dead', 'dead'])
  })
}

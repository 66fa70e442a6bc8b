/** What an operator can find out from one node of a small cluster of real nodes on virtual time. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { after } from '../../src/base/time.ts'
import { ownerAt } from '../../src/cli/history-view.ts'
import { divergence, divergenceOf } from '../../src/node/divergence.ts'
import { nodeMetrics } from '../../src/node/metrics.ts'
import type { Node } from '../../src/node/node.ts'
import type { Explanation } from '../../src/node/status.ts'
import {
  answerOwner,
  explanationOf,
  memberViews,
  ownerOf,
  readinessOf,
  statusOf,
} from '../../src/node/views.ts'
import { TRUE_CLOCK, WALL_START_MS } from '../simulation/clock.ts'
import { Cluster } from '../simulation/cluster.ts'
import type { Host } from '../simulation/world.ts'

const KEYS = Array.from({ length: 50 }, (_, i) => `key-${i}`)

/** Clocks that show what the world's does, so that times of two nodes compare. */
function clusterOf(nodes: number, options: { expected?: number } = {}) {
  const seeds = Array.from({ length: nodes }, (_, index) => index)
  const cluster = new Cluster({
    seed: 5,
    hosts: seeds.map(() => ({ clock: TRUE_CLOCK, seeds })),
    list: [],
    ...(options.expected === undefined
      ? {}
      : { grants: { mode: 'quorum' as const, expectedNodes: options.expected } }),
  })
  const { world } = cluster
  const run = (ms: number) => world.runUntil(world.now + ms)
  const start = (...hosts: readonly Host[]) => {
    for (const host of hosts) world.start(host)
  }
  const nodeOf = (host: Host): Node => {
    const node = cluster.nodeOf(host)
    assert.ok(node, `${host.name} runs`)
    return node
  }
  const explain = (host: Host, key: string): Explanation => {
    const found = explanationOf(nodeOf(host), key)
    assert.ok(found)
    return found
  }
  const now = (host: Host) => host.clock.at(world.now)
  return { cluster, world, run, start, nodeOf, explain, now, wall: () => WALL_START_MS + world.now }
}

const valuesOf = (node: Node, now: Parameters<typeof nodeMetrics>[1], name: string) =>
  nodeMetrics(node, now).find(metric => metric.name === name)?.samples ?? []

describe('from any survivor', () => {
  test('it can be told who owned a key before a crash, why that changed, and who said that the node was dead', () => {
    const { world, run, start, explain, wall } = clusterOf(4)
    start(...world.hosts)
    run(5_000)
    const [n1, n2, n3, n4] = world.hosts as [Host, Host, Host, Host]
    const keys = KEYS.filter(key => explain(n1, key).owner === n2.name)
    assert.ok(keys.length > 0)
    const before = wall()
    run(10)
    world.crash(n2)
    run(5_000)
    for (const host of [n1, n3, n4]) {
      for (const key of keys) {
        const found = explain(host, key)
        assert.equal(ownerAt(found, before).owner, n2.name)
        const after = ownerAt(found, wall())
        assert.equal(after.owner, found.owner)
        assert.ok(after.change !== undefined && after.change.at > before && after.change.from === n2.name)
        const [cause, ...others] = after.change.causes
        assert.deepEqual([cause?.member, cause?.change, others.length], [n2.name, 'gone', 0])
        const accusers = (cause?.ledger ?? []).map(({ fields }) =>
          String(fields['accusers'] ?? fields['accuser']),
        )
        assert.ok(
          accusers.some(text => /n[134]:refused/.test(text)),
          JSON.stringify(cause?.ledger),
        )
      }
    }
  })

  test('a restart, a leave and a cordon are told apart', () => {
    const { cluster, world, run, start, nodeOf, explain } = clusterOf(3)
    start(...world.hosts)
    run(5_000)
    const [n1, n2, n3] = world.hosts as [Host, Host, Host]
    const lastCause = (of: Host) => {
      const changes = KEYS.flatMap(key => explain(n1, key).history.owners.slice(0, 1))
      const causes = changes.sort((a, b) => b.at - a.at)[0]?.causes ?? []
      const cause = causes.find(({ member }) => member === of.name)
      return [cause?.change, cause?.ledger.at(-1)?.event]
    }
    cluster.control(n2, { kind: 'cordon' })
    run(1_000)
    assert.equal(lastCause(n2)[0], 'gone')
    assert.ok(!String(lastCause(n2)[1]).includes('dead'), String(lastCause(n2)))
    assert.equal(statusOf(nodeOf(n2), n2.clock.at(world.now)).cordoned, true)
    cluster.control(n2, { kind: 'uncordon' })
    run(1_000)
    assert.equal(lastCause(n2)[0], 'joined')
    world.leave(n3, 1_000)
    run(3_000)
    assert.equal(lastCause(n3)[0], 'gone')
    assert.match(String(lastCause(n3)[1]), /^member-(?:leaving|left)$/)
  })

  test('each member comes with the reason of its state', () => {
    const { world, run, start, nodeOf, now } = clusterOf(3)
    start(...world.hosts)
    run(5_000)
    const [n1, n2] = world.hosts as [Host, Host]
    world.crash(n2)
    run(5_000)
    const views = memberViews(nodeOf(n1), now(n1).mono)
    const reasons = new Map(views.map(({ id, why }) => [String(id), why?.event]))
    assert.equal(reasons.get('n2'), 'verdict')
    assert.match(views.find(({ id }) => id === n2.name)?.why?.text ?? '', /accused by .*n1/)
    assert.deepEqual([reasons.get('n1'), reasons.get('n3')], ['member-alive', 'member-alive'])
  })
})

describe('when every member is cordoned', () => {
  test('a key is explained all the same: nobody owns it, why, and who did before', () => {
    const { cluster, world, run, start, explain, wall } = clusterOf(2)
    start(...world.hosts)
    run(5_000)
    const [n1, n2] = world.hosts as [Host, Host]
    const [key] = KEYS
    assert.ok(key !== undefined)
    const first = explain(n1, key).owner
    const before = wall()
    run(10)
    for (const host of [n1, n2]) cluster.control(host, { kind: 'cordon' })
    run(2_000)
    for (const host of [n1, n2]) {
      const found = explain(host, key)
      assert.deepEqual(
        [found.owner, found.mine, found.token, found.preferenceList, found.beliefs.length],
        [undefined, false, undefined, [], 2],
      )
      assert.equal(found.unowned, 'no member takes keys: n1 is cordoned, n2 is cordoned')
      assert.equal(ownerAt(found, before).owner, first)
      const { known, owner, change } = ownerAt(found, wall())
      assert.deepEqual([known, owner, change?.causes.map(each => each.change)], [true, undefined, ['gone']])
    }
    cluster.control(n1, { kind: 'uncordon' })
    run(2_000)
    assert.deepEqual([explain(n2, key).owner, explain(n2, key).unowned], ['n1', undefined])
  })
})

describe('in available mode', () => {
  test('what two sides of a partition did at one time is counted and measured once they meet', () => {
    const { cluster, world, run, start, nodeOf, now } = clusterOf(4)
    start(...world.hosts)
    run(5_000)
    const [n1, n2, n3, n4] = world.hosts as [Host, Host, Host, Host]
    world.partition([n1, n2], [n3, n4])
    run(15_000)
    const seen = (name: string, suffix?: string) =>
      world.hosts.map(
        host => valuesOf(nodeOf(host), now(host), name).find(each => each.suffix === suffix)?.value ?? 0,
      )
    for (let number = 0; number < 10; number++) for (const host of [n1, n3]) cluster.submit(host, number)
    run(15_000)
    assert.deepEqual(seen('key_overlap_seconds', '_count'), [0, 0, 0, 0])
    world.healAll()
    run(20_000)
    const counts = seen('key_overlap_seconds', '_count')
    const sums = seen('key_overlap_seconds', '_sum')
    assert.ok(counts.some(count => count > 0))
    for (const [i, count] of counts.entries()) assert.equal((sums[i] ?? 0) > 0, count > 0)
    assert.ok(seen('task_overlaps_seen_total').some(count => count > 0))
  })
})

describe('in quorum mode', () => {
  test('a node says what it waits for: voters, its silence after boot, a quorum', () => {
    const { world, run, start, nodeOf, now } = clusterOf(3, { expected: 3 })
    const [n1, n2, n3] = world.hosts as [Host, Host, Host]
    const reasons = (host: Host) =>
      readinessOf(nodeOf(host), now(host)).reasons.filter(({ code }) => code.startsWith('no'))
    start(n1, n2)
    run(5_000)
    const [waiting] = reasons(n1)
    assert.deepEqual([waiting?.code, reasons(n1).length], ['no-voters', 1])
    assert.match(waiting?.detail ?? '', /2 of 3 expected nodes/)
    start(n3)
    const seen = new Set<string>()
    for (let ms = 0; ms < 8_000; ms += 100) {
      run(100)
      for (const { code } of reasons(n3)) seen.add(code)
    }
    assert.ok(seen.has('not-granting'), [...seen].join(' '))
    for (const host of world.hosts) {
      assert.deepEqual(reasons(host), [])
      assert.equal(readinessOf(nodeOf(host), now(host)).ready, true)
      assert.equal(valuesOf(nodeOf(host), now(host), 'lease')[0]?.value, 1)
    }
    world.partition([n1], [n2, n3])
    run(8_000)
    assert.deepEqual(
      reasons(n1).map(({ code }) => code),
      ['no-lease'],
    )
    assert.equal(valuesOf(nodeOf(n1), now(n1), 'lease')[0]?.value, 0)
  })

  test('one node acts for a key, says until when and under which token, and later tells that it did', () => {
    const { world, run, start, nodeOf, now, explain } = clusterOf(3, { expected: 3 })
    start(...world.hosts)
    run(10_000)
    const [n1, n2] = world.hosts as [Host, Host]
    let told = 0
    for (const key of KEYS) {
      const answers = world.hosts.map(host => ownerOf(nodeOf(host), key, now(host)))
      const acting = answers.filter(answer => answer.acting)
      assert.equal(acting.length, 1, key)
      const [answer] = acting
      assert.ok(answer?.mine && answer.token?.safe && (answer.actingForMs ?? 0) > 0)
      assert.equal(answer.actingUntilMs, now(n1).wall + (answer.actingForMs ?? 0))
      if (answer.owner !== n1.name) continue
      told++
      const [period] = explain(n1, key).history.rights
      assert.equal(period?.until, undefined)
      const token = BigInt(answer.token.value)
      assert.equal(BigInt(period?.token ?? '0'), token)
      assert.deepEqual(explain(n2, key).history.rights, [])
    }
    assert.ok(told > 0)
    const token = (host: Host, key: string) =>
      BigInt(ownerOf(nodeOf(host), key, now(host)).token?.value ?? '0')
    const key = KEYS.find(each => explain(n1, each).owner === n1.name) ?? ''
    const before = token(n1, key)
    world.crash(n1)
    run(8_000)
    const heir = world.hosts.find(host => host !== n1 && ownerOf(nodeOf(host), key, now(host)).acting)
    assert.ok(heir !== undefined && token(heir, key) > before)
    const [period] = explain(heir, key).history.rights
    assert.equal(BigInt(period?.token ?? '0') > before, true)
  })

  test('what it tells later of its rights is what it had: while keys change hands, in a freeze, cut off', () => {
    const { cluster, world, run, start, nodeOf, now, explain, wall } = clusterOf(4, { expected: 3 })
    const hosts = world.hosts as [Host, Host, Host, Host]
    const [n1, n2, n3, n4] = hosts
    const seen: { host: Host; key: string; at: number; token: string | undefined }[] = []
    let [keptByLoser, awaitedByGainer] = [0, 0]
    let compared = 0
    const look = (host: Host, key: string): void => {
      const node = nodeOf(host)
      const leave = node.right.leaveFor(key)
      const acts = leave !== undefined && leave.until > now(host).mono
      seen.push({ host, key, at: wall(), token: acts ? leave.token?.value : undefined })
      const mine = node.ring.owner(key) === host.name
      if (acts && !mine) keptByLoser++
      if (!acts && mine && node.grants?.hasLease(now(host)) === true) awaitedByGainer++
    }
    const watch = (ms: number, ...watched: readonly Host[]): void => {
      for (const end = world.now + ms; world.now < end; run(10))
        for (const host of watched) for (const key of KEYS.slice(0, 20)) look(host, key)
    }
    const told = (host: Host) => {
      for (const key of KEYS) answerOwner(nodeOf(host), key, now(host))
    }
    start(n1, n2, n3)
    watch(8_000, n1, n2, n3)
    for (const host of [n1, n2, n3]) told(host)
    start(n4)
    watch(5_000, ...hosts)
    told(n2)
    cluster.control(n2, { kind: 'cordon' })
    watch(4_000, ...hosts)
    cluster.control(n2, { kind: 'uncordon' })
    world.freeze(n3, 4_000)
    watch(8_000, ...hosts)
    world.partition([n1], [n2, n3, n4])
    watch(6_000, ...hosts)
    world.healAll()
    watch(8_000, ...hosts)
    const asked = new Map<string, Explanation['history']['rights']>()
    const rightsOf = (host: Host, key: string) => {
      const name = `${host.name} ${key}`
      const rights = asked.get(name) ?? explain(host, key).history.rights
      asked.set(name, rights)
      return rights
    }
    for (const { host, key, at, token } of seen) {
      const rights = rightsOf(host, key)
      // Wall clocks show whole milliseconds: in that of a change both are true.
      const isNear = (time: number | undefined) => time !== undefined && Math.abs(time - at) <= 1
      if (rights.some(({ from, until }) => isNear(from) || isNear(until))) continue
      compared++
      const period = rights.find(({ from, until }) => from <= at && at < (until ?? Number.POSITIVE_INFINITY))
      assert.equal(period?.token, token, `${host.name} ${key} at ${at - WALL_START_MS}`)
    }
    assert.ok(compared > 0.99 * seen.length, `${compared} of ${seen.length}`)
    // Ring and quorum alone would have told otherwise.
    assert.ok(keptByLoser > 0 && awaitedByGainer > 0, `${keptByLoser} ${awaitedByGainer}`)
  })

  test('asked between two steps, a right that has run out since the last one is none', () => {
    const { world, run, start, nodeOf, now } = clusterOf(1, { expected: 1 })
    start(...world.hosts)
    run(8_000)
    const [n1] = world.hosts as [Host]
    const then = now(n1)
    assert.equal(ownerOf(nodeOf(n1), 'k', then).acting, true)
    const late = { ...then, mono: after(then.mono, 2_500) }
    assert.equal(ownerOf(nodeOf(n1), 'k', late).acting, false)
  })
})

describe('divergent rings', () => {
  test('are compared by the share of the keys that differ', () => {
    const { world, run, start, nodeOf, now } = clusterOf(3)
    start(...world.hosts)
    run(5_000)
    const [n1, n2, n3] = world.hosts as [Host, Host, Host]
    const both = nodeOf(n1).ring
    assert.deepEqual([...divergenceOf(nodeOf(n1)).shares], [])
    assert.equal(valuesOf(nodeOf(n1), now(n1), 'divergent_keys_ratio_max')[0]?.value, 0)
    // For a moment n1 knows of the death, and the last heartbeat of n2 still names the ring of before.
    world.crash(n3)
    run(60)
    let seen: number | undefined
    for (let i = 0; i < 100 && seen === undefined; i++) {
      run(20)
      const node = nodeOf(n1)
      const share = divergenceOf(node).shares.get(nodeOf(n2).init.nodeId)
      if (share !== undefined && node.ring.checksum !== both.checksum) seen = share
    }
    const exact = both.share(nodeOf(n1).init.nodeId)
    const lost = 1 - exact - both.share(nodeOf(n2).init.nodeId)
    assert.ok(seen !== undefined && Math.abs(seen - lost) < 0.03, `${seen} of ${lost}`)
    assert.equal(divergence(both, both), 0)
  })
})

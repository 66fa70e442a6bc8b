import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTaskId } from '../../src/base/ids.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import type { TaskReply } from '../../src/tasks/messages.ts'
import { parseTaskSpec } from '../../src/tasks/spec.ts'
import type { TaskSpec } from '../../src/tasks/task.ts'
import { Cluster } from './cluster.ts'
import { names, ringOf, spec } from './samples.ts'

const THREE = names(3)
const forever = () => ({ ms: 600_000, outcome: { ok: true, result: null } as const })
const code = (reply: TaskReply | undefined) => (reply?.ok === false ? reply.failure.code : undefined)

const order = (id: string, changes: Partial<TaskSpec> = {}): TaskSpec =>
  spec(id, { key: 'customer-7', dedupe: { key: 'order-1', ttlMs: 60_000 }, ...changes })

test('the same dedupe key again gives the first task, from any node, and with other content a conflict', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(THREE)
  cluster.until(() => cluster.quiet())
  cluster.ask('n1', { kind: 'submit', spec: order('a') })
  for (const face of THREE) {
    const again = cluster.ask(face, { kind: 'submit', spec: order(`b-${face}`) })
    assert.ok(again.ok && again.existed)
    assert.equal(again.record.spec.id, 'a')
    const other = cluster.ask(face, { kind: 'submit', spec: order(`c-${face}`, { payload: 'other' }) })
    assert.equal(code(other), 'DEDUPE_CONFLICT')
    const elsewhere = cluster.ask(face, { kind: 'submit', spec: order(`d-${face}`, { key: `k-${face}` }) })
    assert.ok(elsewhere.ok && !elsewhere.existed, 'a dedupe key belongs to its task key')
  }
})

test('a dedupe key outlives its owner, and ends with its time', () => {
  const cluster = new Cluster({ run: forever })
  cluster.start(THREE)
  cluster.until(() => cluster.quiet())
  const owner = ringOf(THREE).owner('customer-7') ?? ''
  cluster.ask('n1', { kind: 'submit', spec: order('a') })
  cluster.until(() => cluster.quiet())
  cluster.kill(owner)
  cluster.agree()
  cluster.until(() => cluster.quiet())
  const [face = ''] = THREE.filter(name => name !== owner)
  const again = cluster.ask(face, { kind: 'submit', spec: order('b') })
  assert.ok(again.ok && again.existed && again.record.spec.id === 'a')
  cluster.pass(60_000)
  const later = cluster.ask(face, { kind: 'submit', spec: order('c') })
  assert.ok(later.ok && !later.existed)
  const latest = cluster.ask(face, { kind: 'submit', spec: order('e') })
  assert.ok(latest.ok && latest.record.spec.id === 'c')
})

test('an owner that does not know yet what others hold decides on no dedupe key', () => {
  const cluster = new Cluster({ run: forever, config: { inventoryMs: 5_000 } })
  cluster.start(THREE)
  cluster.until(() => cluster.quiet())
  const owner = ringOf(THREE).owner('customer-7') ?? ''
  cluster.ask('n1', { kind: 'submit', spec: order('a') })
  cluster.until(() => cluster.quiet())
  cluster.kill(owner)
  const [heir = '', other = ''] = THREE.filter(name => name !== owner).sort((a, b) => {
    const next = ringOf(THREE.filter(name => name !== owner)).owner('customer-7')
    return Number(b === next) - Number(a === next)
  })
  cluster.cut.add(`${other} ${heir}`)
  cluster.agree()
  const fresh = (id: string) => order(id, { dedupe: { key: 'order-2', ttlMs: 60_000 } })
  assert.equal(code(cluster.ask(heir, { kind: 'submit', spec: fresh('c') })), 'TAKEOVER_INCOMPLETE')
  const known = cluster.ask(heir, { kind: 'submit', spec: order('b') })
  assert.ok(known.ok && known.record.spec.id === 'a', 'what it holds itself it may answer with')
  cluster.pass(6_000)
  const later = cluster.ask(heir, { kind: 'submit', spec: fresh('c') })
  assert.ok(later.ok && !later.existed)
})

test('a dedupe key stands in for the key of a task without one, and a bad one is told', () => {
  const parse = (value: object) => parseTaskSpec({ type: 'echo', ...value }, tasksDefaults(2), () => 'made')
  const parsed = parse({ dedupe: { key: 'order-1' } })
  assert.ok(parsed.ok)
  assert.deepEqual(
    [parsed.spec.id, parsed.spec.key, parsed.spec.dedupe],
    [asTaskId('made'), 'order-1', { key: 'order-1', ttlMs: 86_400_000 }],
  )
  for (const [dedupe, at] of [
    ['order-1', 'dedupe'],
    [{}, 'dedupe.key'],
    [{ key: 'a b' }, 'dedupe.key'],
    [{ key: 'a', ttlMs: 0 }, 'dedupe.ttlMs'],
    [{ key: 'a', for: 1 }, 'dedupe.for'],
  ] as const) {
    const refused = parse({ dedupe })
    assert.ok(!refused.ok)
    assert.deepEqual(
      refused.problems.map(problem => problem.at),
      [at],
    )
  }
})

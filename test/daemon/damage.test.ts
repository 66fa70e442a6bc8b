/** Real daemons whose stores were damaged: a clear word, and nothing accepted is lost. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { accepted, ask, end, start, storeOf, succeeded, timeout, until } from './disk-scene.ts'
import type { Daemon, Line } from './subject.ts'

/** Two nodes: `one`, whose disk suffers, and `two`, which has copies of all. */
async function pair(): Promise<{ one: Daemon; two: Daemon; seeds: readonly string[] }> {
  const two = await start({ name: 'two' })
  const { addresses } = (await two.said('listening')) as Line & { addresses: readonly string[] }
  const one = await start({ name: 'one', seeds: addresses })
  await one.said('ready')
  await until(async () => ((await ask(two, '/v1/status')).body['ring'] as { members: number }).members === 2)
  return { one, two, seeds: addresses }
}

const damages: Readonly<Record<string, (path: string, id: string) => string>> = {
  'a byte of a record flipped'(path, id) {
    const bytes = readFileSync(path)
    const name = Buffer.from(`"id":"${id}"`)
    // Also where an older version of the record lies, in space that is free by now.
    let at = bytes.indexOf(name)
    assert.ok(at > 0, 'the record is in the file')
    for (; at > 0; at = bytes.indexOf(name, at)) bytes[at + 6] = (bytes[at + 6] ?? 0) ^ 1
    writeFileSync(path, bytes)
    return 'checksum'
  },
  'cut in the middle'(path) {
    truncateSync(path, Math.floor(readFileSync(path).length / 2))
    return 'expected a sound'
  },
}

for (const [damage, harm] of Object.entries(damages)) {
  test(`a store with ${damage} is set aside, named, and filled again by the others`, timeout, async () => {
    const { one, two, seeds } = await pair()
    const ids = await accepted(one, 40)
    await succeeded(one, ids)
    await end(one)
    const path = storeOf('one')
    const reason = harm(path, ids[7] ?? '')
    const damaged = readFileSync(path)
    const again = await start({ name: 'one', seeds })
    const said = await again.said('store-set-aside')
    assert.equal(said['level'], 'error')
    assert.equal(said['path'], path)
    assert.equal(said['aside'], `${path}.damaged-2`)
    assert.match(String(said['reason']), new RegExp(reason))
    assert.ok(readFileSync(`${path}.damaged-2`).equals(damaged), 'the file is kept as it was')
    await again.said('ready')
    await succeeded(again, ids)
    await end(again)
    const third = await start({ name: 'one', seeds })
    await third.said('ready')
    assert.ok(!third.lines.some(({ event }) => event === 'store-set-aside'))
    await end(third)
    await end(two)
  })
}

for (const [damage, harm] of Object.entries(damages)) {
  test(`alone, a node with ${damage} in its store still has what can be read`, timeout, async () => {
    const first = await start()
    await first.said('ready')
    const ids = await accepted(first, 200)
    await succeeded(first, ids)
    await end(first)
    harm(storeOf('one'), 't7')
    const second = await start()
    const said = await second.said('store-salvaged')
    await second.said('ready')
    const rows = Number(said['rows'])
    assert.ok(Number(said['unreadable']) > 0 && rows < 200, JSON.stringify(said))
    assert.ok(rows >= (damage.startsWith('a byte') ? 199 : 10), JSON.stringify(said))
    const answers = await Promise.all(ids.map(id => ask(second, `/v1/tasks/${id}`)))
    assert.equal(answers.filter(({ status }) => status === 200).length, rows)
    await end(second)
  })
}

test('a store whose log is cut after a kill -9 is set aside, and the copies come back', timeout, async () => {
  const { one, two, seeds } = await pair()
  const ids = await accepted(one, 40)
  await succeeded(two, ids)
  await one.kill()
  const log = `${storeOf('one')}-wal`
  assert.ok(existsSync(log))
  truncateSync(log, Math.floor(readFileSync(log).length / 2))
  const again = await start({ name: 'one', seeds })
  assert.match(
    String((await again.said('store-set-aside'))['reason']),
    /expected all transactions to number \d+/,
  )
  await again.said('ready')
  await succeeded(again, ids)
  await end(again)
  await end(two)
})

/** Three nodes in quorum mode; the last two know the first. */
async function three(): Promise<readonly Daemon[]> {
  const first = await start({ name: 'one', expectedNodes: 3 })
  const { addresses } = (await first.said('listening')) as Line & { addresses: readonly string[] }
  const others = ['two', 'three'].map(name => start({ name, seeds: addresses, expectedNodes: 3 }))
  const all = [first, ...(await Promise.all(others))]
  for (const daemon of all) await until(async () => (await ask(daemon, '/readyz')).status === 200)
  return all
}

/** Thirty tasks that it has accepted; handed in again while its leave to act is only under way. */
async function taken(daemon: Daemon, prefix: string, more: object = {}): Promise<readonly string[]> {
  const ids = Array.from({ length: 30 }, (_, i) => `${prefix}${i}`)
  await Promise.all(
    ids.map(id => {
      const task = { id, type: 'echo', payload: 'x', ...more }
      return until(async () => [200, 202].includes((await ask(daemon, '/v1/tasks', task)).status))
    }),
  )
  return ids
}

test(
  'in quorum mode a node that is killed and whose store is cut comes back, and acts again; no accepted task is lost',
  timeout,
  async () => {
    const [one, two, three_] = (await three()) as [Daemon, Daemon, Daemon]
    const { addresses } = (await two.said('listening')) as Line & { addresses: readonly string[] }
    const done = await taken(one, 'done')
    await succeeded(two, done)
    // These wait on all three when the one is killed.
    const runAt = Date.now() + 15_000
    const later = await taken(three_, 'later', { runAt })
    await one.kill()
    const path = storeOf('one')
    for (const file of [path, `${path}-wal`]) truncateSync(file, Math.floor(readFileSync(file).length / 2))
    const again = await start({ name: 'one', seeds: addresses, expectedNodes: 3 })
    const said = await again.said('store-set-aside')
    assert.deepEqual([said['level'], said['path'], said['aside']], ['error', path, `${path}.damaged-2`])
    await until(async () => (await ask(again, '/readyz')).status === 200)
    await succeeded(again, [...done, ...later])
    await until(
      async () => ((await ask(again, '/v1/status')).body['grants'] as { granting: boolean }).granting,
    )
  },
)

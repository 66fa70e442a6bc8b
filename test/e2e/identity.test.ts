/**
 * Who is who, with real daemons: names, keys, addresses and lives that come apart.
 *
 * | case | transcript in ../scenarios | here |
 * |---|---|---|
 * | same name, new address | restart-moved | 'has moved' |
 * | same address, new name | same-address-new-name | 'another name on its disk', 'another machine' |
 * | swapped addresses | swapped-addresses | 'each other’s addresses' |
 * | two live holders of one name | two-holders-newcomer, cloned-directory, cloned-before-start, halves-with-namesakes, namesake-in-quorum | 'a second machine', 'copied while its node ran' |
 * | a dying predecessor | dying-predecessor | 'still drains' |
 * | one address, two clusters | address-of-another-cluster | 'another cluster' |
 * | mass restart | whole-restart, mass-restart-moved | 'all at once' |
 * | stale state that arrives late | stale-state | 'was frozen' |
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const TEST_MS = 240_000

interface Daemon {
  readonly child: ChildProcess
  readonly directory: string
  readonly peers: number
  readonly http: number
  /** Names of the events of its log so far, with their codes. */
  readonly said: readonly { readonly event: string; readonly code?: string }[]
}

/** What differs from a new node of the usual cluster. */
interface Special {
  readonly cluster?: string
  /** Port for peers. */
  readonly peers?: number
  /** Ports of seeds that do not run yet. */
  readonly seeds?: readonly number[]
}

interface Member {
  readonly id: string
  readonly peerId: string
  readonly incarnation: number
  readonly opinion: string
  readonly addresses: readonly string[]
}

interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly { readonly code: string; readonly detail: string }[]
}

let scratch = ''
let daemons: Daemon[] = []
/** Of every daemon of the test. */
let options: readonly string[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-identity-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(kill))
  daemons = []
  options = []
  await rm(scratch, { recursive: true, force: true })
})

async function kill({ child }: Daemon): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function start(
  name: string,
  directory: string,
  seeds: readonly Daemon[],
  special: Special = {},
): Promise<Daemon> {
  const [peers, http] = [special.peers ?? (await freePort()), await freePort()]
  const where = ['--data-dir', directory, '--listen', `127.0.0.1:${peers}`, '--http', `127.0.0.1:${http}`]
  const ports = [...seeds.map(seed => seed.peers), ...(special.seeds ?? [])]
  const known = ports.flatMap(port => ['--seed', `127.0.0.1:${port}`])
  const who = ['--node-id', name, '--cluster', special.cluster ?? 'identity', ...options]
  const child = spawn(PROGRAM, ['agent', '--json', ...who, ...where, ...known], {
    cwd: scratch,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const said: { event: string; code?: string }[] = []
  createInterface({ input: child.stdout }).on('line', line => said.push(JSON.parse(line)))
  const daemon = { child, directory, peers, http, said }
  daemons.push(daemon)
  return daemon
}

/** What `/readyz` says; undefined while nobody answers there. */
async function readyz(daemon: Daemon): Promise<Readiness | undefined> {
  const answer = await fetch(`http://127.0.0.1:${daemon.http}/readyz`).catch(() => undefined)
  return answer && ((await answer.json()) as Readiness)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 100))
}

const isReady = async (daemon: Daemon): Promise<boolean> => (await readyz(daemon))?.ready === true

const isAside = async (daemon: Daemon): Promise<boolean> =>
  (await readyz(daemon))?.reasons.some(
    ({ code, detail }) => code === 'node-id-taken' && detail.includes('NODE_ID_TAKEN'),
  ) === true

/** Three nodes that have met. */
async function table(): Promise<readonly [Daemon, Daemon, Daemon]> {
  const a = await start('a', join(scratch, 'a'), [])
  await until(() => isReady(a))
  const b = await start('b', join(scratch, 'b'), [a])
  const c = await start('c', join(scratch, 'c'), [a])
  for (const daemon of [b, c]) await until(() => isReady(daemon))
  return [a, b, c]
}

test('a second machine under a live name stays outside, says so, and comes in when the holder has gone', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  const second = await start('c', join(scratch, 'second'), [a, b])
  await until(() => isAside(second))
  assert.equal(await isReady(c), true)
  await kill(c)
  await until(() => isReady(second))
  assert.equal(await isAside(second), false)
})

test('of a data directory that was copied while its node ran, the later process has the name and the earlier one waits', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  const copied = join(scratch, 'copied')
  await cp(c.directory, copied, { recursive: true })
  const copy = await start('c', copied, [a, b])
  await until(() => isAside(c))
  await until(() => isReady(copy))
  assert.equal(c.child.exitCode, null, 'its process lives')
  await kill(copy)
  await until(() => isReady(c))
  assert.equal(await isAside(c), false)
})

/** Asks until somebody answers: whoever is started does not listen at once. */
async function get<T>(daemon: Daemon, path: string): Promise<T> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${daemon.http}/v1/${path}`).catch(() => undefined)
    if (answer?.status === 200) return (await answer.json()) as T
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const memberOf = async (daemon: Daemon, name: string): Promise<Member | undefined> =>
  (await get<{ members: readonly Member[] }>(daemon, 'members')).members.find(({ id }) => id === name)

/** Waits until this daemon has this opinion of the member; at this port, if one is given. */
async function sees(daemon: Daemon, name: string, opinion: 'alive' | 'gone', port?: number): Promise<Member> {
  for (;;) {
    const member = await memberOf(daemon, name)
    const there = port === undefined || member?.addresses.includes(`127.0.0.1:${port}`) === true
    if (member !== undefined && there && opinionOf(member) === opinion) return member
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** Whether somebody died or left may depend on who tells it first. */
const opinionOf = ({ opinion }: Member): string => (['dead', 'left'].includes(opinion) ? 'gone' : opinion)

/** Events of the member that this daemon remembers, oldest first. */
const ledgerOf = async (daemon: Daemon, name: string): Promise<readonly string[]> =>
  (await get<{ ledger: readonly { event: string }[] }>(daemon, `members/${name}`)).ledger.map(
    ({ event }) => event,
  )

async function post(daemon: Daemon, path: string, body: unknown): Promise<void> {
  const content = { 'content-type': 'application/json' }
  const init = { method: 'POST', headers: content, body: JSON.stringify(body) }
  const answer = await fetch(`http://127.0.0.1:${daemon.http}/v1/${path}`, init)
  assert.ok(answer.ok, await answer.text())
}

/** A key that this member owns, as the daemon sees it. */
async function keyOf(daemon: Daemon, owner: string): Promise<string> {
  for (let i = 0; ; i++)
    if ((await get<{ owner: string }>(daemon, `owner/key-${i}`)).owner === owner) return `key-${i}`
}

/** The fencing token under which one of these acts for the key; waits until one does. */
async function tokenOf(some: readonly Daemon[], key: string): Promise<bigint> {
  for (;;)
    for (const daemon of some) {
      const { acting, token } = await get<{ acting: boolean; token?: { value: string } }>(
        daemon,
        `owner/${key}`,
      )
      if (acting && token !== undefined) return BigInt(token.value)
    }
}

test('who has moved is the same member; another name on its disk and address takes its place; another machine does not', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  const was = await sees(a, 'c', 'alive')
  await kill(c)
  const moved = await start('c', c.directory, [a, b])
  const is = await sees(a, 'c', 'alive', moved.peers)
  assert.deepEqual([is.peerId, is.addresses], [was.peerId, [`127.0.0.1:${moved.peers}`]])
  assert.ok(is.incarnation > was.incarnation)

  await kill(moved)
  const d = await start('d', c.directory, [a, b], { peers: moved.peers })
  assert.equal((await sees(a, 'd', 'alive', moved.peers)).peerId, was.peerId)
  await sees(a, 'c', 'gone')

  await kill(d)
  await start('e', join(scratch, 'e'), [a, b], { peers: d.peers })
  const other = await sees(a, 'e', 'alive', d.peers)
  assert.notEqual(other.peerId, was.peerId)
  await sees(a, 'd', 'gone')
  assert.equal((await sees(a, 'e', 'alive')).peerId, other.peerId)
})

test('two that come back with each other’s addresses are each where it is now', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  const before = [await sees(a, 'b', 'alive'), await sees(a, 'c', 'alive')]
  await Promise.all([kill(b), kill(c)])
  await start('b', b.directory, [a], { peers: c.peers })
  await start('c', c.directory, [a], { peers: b.peers })
  const after = [await sees(a, 'b', 'alive', c.peers), await sees(a, 'c', 'alive', b.peers)]
  assert.deepEqual(
    after.map(({ peerId }) => peerId),
    before.map(({ peerId }) => peerId),
  )
})

test('a node of another cluster at the address of a dead one joins nothing, and the dead one can come back to it', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  await kill(c)
  const stranger = await start('x', join(scratch, 'x'), [a, b], { cluster: 'another', peers: c.peers })
  await until(async () => stranger.said.some(({ code }) => code === 'SEED_OTHER_CLUSTER'))
  await sees(a, 'c', 'gone')
  const island = await readyz(stranger)
  assert.ok(island?.reasons.some(({ code }) => code === 'island'))
  for (const daemon of [a, b]) assert.equal(await memberOf(daemon, 'x'), undefined)
  assert.deepEqual(
    (await get<{ members: readonly Member[] }>(stranger, 'members')).members.map(({ id }) => id),
    ['x'],
  )
  await kill(stranger)
  await start('c', c.directory, [a, b], { peers: c.peers })
  await sees(a, 'c', 'alive', c.peers)
})

test('while a node still drains, its successor has the name, and keeps it when the old one ends', {
  timeout: TEST_MS,
}, async t => {
  // It takes the task and never answers.
  const hanging = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1')
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    hanging.close()
  })
  await once(hanging, 'listening')
  const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`
  const config = join(scratch, 'config.json')
  await writeFile(config, JSON.stringify({ executors: { http: { allow: [url] } } }))
  options = ['--config', config]
  const [a, b, c] = await table()
  const copied = join(scratch, 'copied')
  await cp(c.directory, copied, { recursive: true })
  const task = { id: 'hangs', key: await keyOf(a, 'c'), type: 'http', payload: { url } }
  await post(a, 'tasks', task)
  await until(async () => (await get<{ state: string }>(a, 'tasks/hangs')).state === 'running')
  const was = await sees(a, 'c', 'alive')
  await post(c, 'leave', { deadlineMs: 60_000 })
  await until(async () => (await ledgerOf(a, 'c')).includes('member-leaving'))

  const successor = await start('c', copied, [a, b])
  const is = await sees(a, 'c', 'alive', successor.peers)
  // Whoever has not met the successor yet rightly believes that it has left.
  await sees(b, 'c', 'alive', successor.peers)
  assert.deepEqual([is.peerId, is.incarnation > was.incarnation], [was.peerId, true])
  assert.equal(c.child.exitCode, null, 'the old one still drains')
  const ended = once(c.child, 'exit')
  await post(c, 'leave', { deadlineMs: 200 })
  await ended
  for (const daemon of [a, b]) {
    await sees(daemon, 'c', 'alive', successor.peers)
    // Who met the old one's farewell first wrote that down, but nothing of the kind about its successor.
    const last = (await ledgerOf(daemon, 'c')).at(-1)
    assert.ok(last === 'member-renewed' || last === 'member-alive', last)
  }
})

test('all are killed at once and started at once, on their disks: the voters are the same and tokens rise', {
  timeout: TEST_MS,
}, async () => {
  options = ['--expected-nodes', '3']
  const ports = [await freePort(), await freePort(), await freePort()]
  const all = async (): Promise<readonly Daemon[]> =>
    await Promise.all(
      ports.map(async (peers, i) => {
        const name = `n${i}`
        return await start(name, join(scratch, name), [], {
          peers,
          seeds: ports.filter(port => port !== peers),
        })
      }),
    )
  interface Status {
    readonly boot: number
    readonly grants: { readonly voters: unknown }
  }
  const before = await all()
  const [first] = before
  assert.ok(first)
  for (const daemon of before) await until(() => isReady(daemon))
  await post(first, 'tasks', { id: 'early', key: 'k', type: 'echo', payload: 1 })
  await until(async () => (await get<{ state: string }>(first, 'tasks/early')).state === 'succeeded')
  const [was, token] = [await get<Status>(first, 'status'), await tokenOf(before, 'k')]

  await Promise.all(before.map(kill))
  const after = await all()
  const [again] = after
  assert.ok(again)
  for (const daemon of after) await until(() => isReady(daemon))
  const is = await get<Status>(again, 'status')
  assert.deepEqual([is.boot, is.grants.voters], [was.boot + 1, was.grants.voters])
  assert.ok((await tokenOf(after, 'k')) > token)
  assert.equal((await get<{ state: string }>(again, 'tasks/early')).state, 'succeeded')
  for (const name of ['n0', 'n1', 'n2']) await sees(again, name, 'alive')
})

test('who was frozen while a member left comes back with the past and makes nobody believe it', {
  timeout: TEST_MS,
}, async () => {
  const [a, b, c] = await table()
  b.child.kill('SIGSTOP')
  c.child.kill('SIGTERM')
  await until(async () => (await memberOf(a, 'c'))?.opinion === 'left')
  await sees(a, 'b', 'gone')
  b.child.kill('SIGCONT')
  const back = await sees(a, 'b', 'alive')
  await until(async () => (await memberOf(b, 'c'))?.opinion === 'left')
  assert.ok(back.incarnation > 0)
  const events = await ledgerOf(a, 'c')
  assert.deepEqual(events.slice(events.lastIndexOf('member-left')), ['member-left'])
})

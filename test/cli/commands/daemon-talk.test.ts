import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { wallOf } from '../../../src/base/time.ts'
import { cancelTask } from '../../../src/tasks/attempts.ts'
import { attempt, record } from '../records.ts'
import { recordedDaemon, remember, runHere } from '../scene.ts'

const STATUS = {
  nodeId: 'node-1',
  peerId: '12D3KooW',
  cluster: 'c',
  version: '0.1.0',
  incarnation: 5,
  boot: 2,
  uptimeMs: 61_000,
  mode: 'quorum',
  grants: {
    enabled: true,
    session: 2,
    voters: { version: 1, names: ['node-1', 'node-2', 'node-3'], fixed: true },
    voter: true,
    granting: false,
    grantedBy: ['node-1'],
    term: 0,
    top: 4,
    exceptions: 0,
    topUnheard: [],
    keeps: [],
  },
  cordoned: true,
  addresses: ['127.0.0.1:7946'],
  phase: 'ready',
  ready: { ready: false, reasons: [{ code: 'min-members', detail: '1 of 3 members are alive' }] },
  members: { alive: 1, suspect: 0, dead: 2, left: 0 },
  ring: { checksum: 'abc', members: 1, agreement: 1 },
  tasks: {
    owned: { scheduled: 0, ready: 3, running: 1, succeeded: 0, retrying: 0, dead: 0, cancelled: 0 },
    held: 4,
    started: 1,
    succeeded: 0,
    failedAttempts: 0,
    retried: 0,
    forwarded: 0,
    takingOver: false,
    queue: { types: [], groups: [], keys: 0 },
  },
}

const MEMBER = {
  id: 'node-2',
  peerId: '12D3KooX',
  incarnation: 7,
  status: 'alive',
  leaving: false,
  addresses: ['10.0.0.2:7946'],
  weight: 1,
  opinion: 'suspect',
  self: false,
  lastHeardMs: 1_850,
  rttMs: 1.25,
  silenceLimitMs: 1_551.25,
  links: 1,
  linkFault: true,
  modesDiffer: false,
  ringChecksum: 'abc',
  claims: [{ accuser: 'node-3' }],
}

describe('status', () => {
  test('shows the node, and what keeps it from being ready', async () => {
    await using daemon = await recordedDaemon({ 'GET /v1/status': { body: STATUS } })
    const { code, out } = await runHere(['status', '--url', daemon.url])
    assert.equal(code, 0)
    for (const part of [
      'node-1',
      '1 of 3 members are alive',
      '1 alive, 2 dead',
      '3 ready, 1 running',
      '1 min 1 s',
      'quorum (at most one node acts for a key)',
      'node-1, node-2, node-3, this node too, but not yet',
      'no, it does not act (from 1 of 3)',
      'it owns no keys',
    ])
      assert.ok(out.includes(part), part)
  })

  test('--json prints what the daemon answered, and nothing else', async () => {
    await using daemon = await recordedDaemon({ 'GET /v1/status': { body: STATUS } })
    const { out, err } = await runHere(['status', '--url', daemon.url, '--json'])
    assert.deepEqual(JSON.parse(out), STATUS)
    assert.equal(err, '')
  })

  test('--check asks only whether the daemon lives', async () => {
    await using alive = await recordedDaemon({ 'GET /healthz': { body: { status: 'alive' } } })
    assert.equal((await runHere(['status', '--check', '--url', alive.url])).code, 0)
    await using broken = await recordedDaemon({ 'GET /healthz': { status: 500, body: {} } })
    assert.equal((await runHere(['status', '--check', '--url', broken.url])).code, 1)
    assert.equal((await runHere(['status', '--check', '--url', 'http://127.0.0.1:9'])).code, 3)
  })

  test('--ready answers no with the reasons', async () => {
    const reasons = [{ code: 'island', detail: 'this node is alone although it has seeds' }]
    const body = { code: 'NOT_READY', detail: 'x', ready: false, reasons }
    await using daemon = await recordedDaemon({
      'GET /readyz': [
        { status: 503, body, type: 'application/problem+json' },
        { status: 200, body: { ready: true, reasons: [] } },
      ],
    })
    const no = await runHere(['status', '--ready', '--url', daemon.url])
    assert.equal(no.code, 1)
    assert.match(no.out, /^not ready: this node is alone although it has seeds \(island\)/)
    const yes = await runHere(['status', '--ready', '--json', '--url', daemon.url])
    assert.equal(yes.code, 0)
    assert.deepEqual(JSON.parse(yes.out), { ready: true, reasons: [] })
  })
})

describe('members', () => {
  const replies = {
    'GET /v1/members': { body: { members: [MEMBER] } },
    'GET /v1/members/node-2': {
      body: { ...MEMBER, ledger: [{ at: 0, event: 'accused', text: 'by node-3', fields: {} }] },
    },
    'GET /v1/members/a%2Fb': {
      status: 404,
      body: { code: 'MEMBER_UNKNOWN', detail: 'See /v1/members.' },
      type: 'application/problem+json',
    },
  }

  test('are listed in aligned columns, with notes on trouble', async () => {
    await using daemon = await recordedDaemon(replies)
    const { out } = await runHere(['members', '--url', daemon.url])
    const [titles = '', row = ''] = out.split('\n')
    assert.equal(titles.indexOf('STATUS'), row.indexOf('suspect'))
    assert.match(row, /node-2 +suspect +10\.0\.0\.2:7946 +1 +1\.9 s|1\.8 s/)
    assert.match(row, /only the link from here is silent, accused by 1/)
  })

  test('are coloured on a terminal only', async () => {
    await using daemon = await recordedDaemon(replies)
    const plain = await runHere(['members', '--url', daemon.url])
    assert.ok(!plain.out.includes('\u001b'))
    const out = remember({ isTerminal: true, colours: true })
    const coloured = await runHere(['members', '--url', daemon.url], { out })
    assert.ok(coloured.out.includes('\u001b[33msuspect\u001b[0m'))
  })

  test('can be asked for one by one, with their history', async () => {
    await using daemon = await recordedDaemon(replies)
    const { code, out } = await runHere(['members', 'node-2', '--url', daemon.url])
    assert.equal(code, 0)
    assert.match(out, /1970-01-01T00:00:00\.000Z {2}accused: by node-3/)
  })

  test('that nobody knows are an error with the code of the API', async () => {
    await using daemon = await recordedDaemon(replies)
    const { code, err } = await runHere(['members', 'a/b', '--url', daemon.url])
    assert.equal(code, 1)
    assert.equal(
      err,
      'roundtable: MEMBER_UNKNOWN: No member has this node id. See /v1/members. (Nothing was changed.)\n',
    )
  })

  test('cannot move the cursor of whoever looks at them', async () => {
    const members = [{ ...MEMBER, id: 'evil\u001b[2J\r\u0007' }]
    await using daemon = await recordedDaemon({ 'GET /v1/members': { body: { members } } })
    const { out } = await runHere(['members', '--url', daemon.url])
    const controls = [...out].filter(character => /\p{Cc}/u.test(character) && character !== '\n')
    assert.deepEqual(controls, [])
  })
})

describe('owner', () => {
  const answer = {
    key: 'k/1',
    owner: 'node-2',
    mine: false,
    addresses: [],
    ringChecksum: 'abc',
    mode: 'available',
  }

  test('prints nothing but the name', async () => {
    await using daemon = await recordedDaemon({ 'GET /v1/owner/k%2F1': { body: answer } })
    assert.deepEqual(await runHere(['owner', 'k/1', '--url', daemon.url]), {
      code: 0,
      out: 'node-2\n',
      err: '',
    })
  })

  test('--mine answers by the exit code', async () => {
    await using daemon = await recordedDaemon({
      'GET /v1/owner/k%2F1': [{ body: answer }, { body: { ...answer, mine: true } }],
    })
    assert.equal((await runHere(['owner', '--mine', 'k/1', '--url', daemon.url])).code, 1)
    assert.equal((await runHere(['owner', '--mine', 'k/1', '--url', daemon.url])).code, 0)
  })

  for (const [phase, words] of [
    ['ready', /NO_OWNER: Every member is cordoned or leaving: nobody owns a key/],
    ['joining', /NOT_READY: .*has not joined/],
  ] as const) {
    test(`of an empty ring is a no with its reason, and no empty line (${phase})`, async () => {
      await using daemon = await recordedDaemon({
        'GET /v1/owner/k%2F1': { body: { ...answer, owner: null } },
        'GET /v1/status': { body: { phase } },
      })
      const { code, out, err } = await runHere(['owner', 'k/1', '--url', daemon.url])
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, words)
      const json = await runHere(['owner', 'k/1', '--json', '--url', daemon.url])
      assert.deepEqual([json.code, JSON.parse(json.out).owner], [1, null])
    })
  }
})

describe('explain and ring', () => {
  test('explain shows the way to the owner, who agrees, and the tasks', async () => {
    const body = {
      key: 'k',
      hash: 17,
      token: 18,
      owner: 'node-1',
      preferenceList: ['node-1', 'node-2'],
      mine: true,
      mode: 'quorum',
      ringChecksum: 'abc',
      beliefs: [
        { id: 'node-1', ringChecksum: 'abc', agrees: true },
        { id: 'node-2', ringChecksum: 'xyz', agrees: false },
      ],
      tasks: [record('t1', { key: 'k', attempts: [attempt('node-1', 1, 'succeeded')] })],
      waiting: [],
      history: { since: 0, owners: [], rightsSince: 0, rights: [] },
    }
    await using daemon = await recordedDaemon({ 'GET /v1/explain/k': { body } })
    const { out } = await runHere(['explain', 'k', '--url', daemon.url])
    for (const part of [/hash +17/, /ring token +18/, /node-1, node-2/, /node-2 +xyz +no/, /t1 +succeeded/])
      assert.match(out, part)
    assert.deepEqual(JSON.parse((await runHere(['explain', 'k', '--json', '--url', daemon.url])).out), body)
    const shownOf = async (more: object): Promise<string> => {
      await using other = await recordedDaemon({ 'GET /v1/explain/k': { body: { ...body, ...more } } })
      return (await runHere(['explain', 'k', '--url', other.url])).out
    }
    const takeover = { complete: false, blind: false, missing: ['b'], waitsFor: 'b is down', mayHaveLost: [] }
    assert.match(await shownOf({ takeover }), /takeover +not complete: b is down/)
    const lost = await shownOf({ takeover: { ...takeover, complete: true, mayHaveLost: ['b'] } })
    assert.match(lost, /takeover +complete\n.*may have lost +what only b had, now given up/s)
    assert.match(await shownOf({ mine: false }), /takeover +only node-1 knows: ask it, with --url/)
    assert.doesNotMatch(await shownOf({ mine: false, mode: 'available' }), /takeover/)
  })

  test('explain on a node that has nothing of the key says where to look', async () => {
    const body = {
      key: 'k',
      hash: 17,
      owner: 'node-1',
      preferenceList: ['node-1', 'node-2', 'node-3'],
      mine: false,
      mode: 'quorum',
      ringChecksum: 'abc',
      beliefs: [],
      tasks: [],
      waiting: [],
      history: { since: 0, owners: [], rightsSince: 0, rights: [] },
    }
    const shownOf = async (more: object): Promise<string> => {
      await using daemon = await recordedDaemon({ 'GET /v1/explain/k': { body: { ...body, ...more } } })
      return (await runHere(['explain', 'k', '--url', daemon.url])).out
    }
    const all = /"tasks --key KEY" asks all nodes/
    const away = await shownOf({})
    assert.match(
      away,
      /no task of this key is known here: its owner is node-1, copies are on node-2, node-3;/,
    )
    assert.match(away, all)
    const alone = await shownOf({ preferenceList: ['node-1'] })
    assert.match(alone, /known here: its owner is node-1; /)
    const here = await shownOf({ mine: true })
    assert.match(here, /no task of this key is known here, at its owner; /)
    const nobody = await shownOf({ owner: null, unowned: 'no member takes keys', preferenceList: [] })
    assert.match(nobody, /no task of this key is known here; /)
    assert.doesNotMatch(nobody, /null/)
    for (const text of [alone, here, nobody]) assert.match(text, all)
  })

  test('ring shows shares in percent', async () => {
    const members = [{ id: 'node-1', weight: 2, share: 0.666 }]
    const body = { checksum: 'abc', version: 1, vnodesPerWeight: 100, replicas: 3, members }
    await using daemon = await recordedDaemon({ 'GET /v1/ring': { body } })
    assert.match((await runHere(['ring', '--url', daemon.url])).out, /node-1 +2 +66\.6 %/)
  })
})

describe('tasks', () => {
  const page1 = { tasks: [record('a'), record('b')], next: 'b' }
  const page2 = { tasks: [record('c', { state: 'dead' })] }

  test('are listed a page at a time, with the way to the next', async () => {
    await using daemon = await recordedDaemon({
      'GET /v1/tasks?state=dead&scope=all&limit=2&after=x': { body: page1 },
    })
    const filters = ['--state', 'dead', '--scope', 'all', '--limit', '2', '--after', 'x']
    const { code, out, err } = await runHere(['tasks', ...filters, '--url', daemon.url])
    assert.equal(code, 0)
    assert.match(out, /^ID +STATE/)
    assert.equal(err, 'more: --after b, or --all\n')
  })

  test('--all --json follows every page, one task a line', async () => {
    await using daemon = await recordedDaemon({
      'GET /v1/tasks?limit=1000': { body: page1 },
      'GET /v1/tasks?limit=1000&cursor=b': { body: page2 },
    })
    const { out } = await runHere(['tasks', '--all', '--json', '--url', daemon.url])
    assert.deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line).spec.id),
      ['a', 'b', 'c'],
    )
  })

  test('an attempt that its node gave up as it left does not read as if the task had been cancelled', async () => {
    const ended = (number: number, message: string) => ({
      ...attempt('node-1', 0, 'cancelled', { number }),
      error: { code: 'CANCELLED', message } as const,
    })
    const runs = record('t', { state: 'running', attempts: [attempt('node-1', 0)] })
    const [stopped] = cancelTask(runs, wallOf(9), []).attempts
    const attempts = [ended(1, 'node node-1 left before it ended'), ended(2, String(stopped?.error?.message))]
    await using daemon = await recordedDaemon({ 'GET /v1/tasks/t': { body: record('t', { attempts }) } })
    const { out } = await runHere(['task', 't', '--url', daemon.url])
    assert.match(out, /^ +1 +node-1 .* taken back +node node-1 left before it ended$/m)
    assert.match(out, /^ +2 +node-1 .* cancelled +CANCELLED: the task was cancelled$/m)
  })

  test('one task is shown with every attempt', async () => {
    const task = record('dir/file', {
      attempts: [attempt('node-1', 0, 'failed'), attempt('node-2', 50, 'succeeded')],
    })
    await using daemon = await recordedDaemon({ 'GET /v1/tasks/dir%2Ffile': { body: task } })
    const { out } = await runHere(['task', 'dir/file', '--url', daemon.url])
    assert.match(out, /node-1 .*10 ms +failed/)
    assert.match(out, /node-2 .*10 ms +succeeded/)
  })
})

describe('leave and keygen', () => {
  test('leave asks the daemon to go', async () => {
    await using daemon = await recordedDaemon({
      'POST /v1/leave': { status: 202, body: { nodeId: 'node-1', leaving: true } },
    })
    assert.equal((await runHere(['leave', '--url', daemon.url])).code, 0)
    assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), {})
    assert.equal((await runHere(['leave', '--deadline-ms', '2000', '--url', daemon.url])).code, 0)
    assert.deepEqual(JSON.parse(daemon.requests[1]?.body ?? ''), { deadlineMs: 2_000 })
    assert.equal((await runHere(['leave', '--deadline-ms', 'soon', '--url', daemon.url])).code, 2)
    assert.equal(daemon.requests.length, 2)
  })

  test('keygen prints 64 hexadecimal digits, never the same', async () => {
    const first = await runHere(['keygen'])
    const second = await runHere(['keygen', '--json'])
    assert.match(first.out, /^[0-9a-f]{64}\n$/)
    assert.match(JSON.parse(second.out).clusterKey, /^[0-9a-f]{64}$/)
    assert.notEqual(first.out.trim(), JSON.parse(second.out).clusterKey)
  })
})

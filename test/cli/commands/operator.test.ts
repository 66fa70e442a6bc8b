import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { recordedDaemon, runHere } from '../scene.ts'

const done = { nodeId: 'node-1', detail: 'node-1 owns no keys from now on' }

describe('what an operator orders', () => {
  test('is posted as it was typed, and answered with the sentence of the node', async () => {
    const orders: readonly (readonly [argv: readonly string[], path: string, body: object])[] = [
      [['cordon'], '/v1/cordon', {}],
      [['uncordon'], '/v1/uncordon', {}],
      [['weight', '2.5'], '/v1/weight', { weight: 2.5 }],
      [['forget', 'node-9'], '/v1/forget/node-9', {}],
      [['forget', 'node-9', '--former-disk'], '/v1/forget/node-9', { formerDisk: true }],
      [['voters', 'add', 'node-9'], '/v1/voters/add', { node: 'node-9' }],
      [['voters', 'remove', 'node-3'], '/v1/voters/remove', { node: 'node-3' }],
      [
        ['voters', 'reset', 'a', 'b', '--confirm', 'prod'],
        '/v1/voters/reset',
        { names: ['a', 'b'], confirm: 'prod' },
      ],
    ]
    for (const [argv, path, body] of orders) {
      await using daemon = await recordedDaemon({ [`POST ${path}`]: { body: done } })
      const outcome = await runHere([...argv, '--url', daemon.url])
      assert.deepEqual(outcome, { code: 0, out: `${done.detail}\n`, err: '' }, argv.join(' '))
      assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), body)
      const json = await runHere([...argv, '--json', '--url', daemon.url])
      assert.deepEqual(JSON.parse(json.out), done)
    }
  })

  test('is refused before anything is sent when it cannot be meant', async () => {
    const wrong = [
      ['weight', '0'],
      ['weight', '101'],
      ['weight', 'much'],
      ['weight'],
      ['forget'],
      ['drain', '--deadline-ms', '700000'],
      ['voters', 'add'],
      ['voters', 'add', 'a', 'b'],
      ['voters', 'reset', '--confirm', 'prod'],
      ['voters', 'reset', 'a'],
      ['voters', 'change', 'a'],
      ['explain', 'node', 'a'],
      ['explain', 'key', 'k', '--at', '25:00'],
      ['explain', 'member', 'a', '--at', '12:00'],
    ]
    for (const argv of wrong) {
      const { code, err } = await runHere([...argv, '--url', 'http://127.0.0.1:9'])
      assert.equal(code, 2, `${argv.join(' ')}: ${err}`)
    }
  })

  test('and refused by the daemon ends with the code of the API', async () => {
    await using daemon = await recordedDaemon({
      'POST /v1/forget/node-2': {
        status: 409,
        body: { code: 'MEMBER_ALIVE', detail: 'node-2 was heard 40 ms ago.' },
        type: 'application/problem+json',
      },
    })
    const { code, err } = await runHere(['forget', 'node-2', '--url', daemon.url])
    assert.equal(code, 1)
    assert.match(err, /MEMBER_ALIVE: .*node-2 was heard 40 ms ago.*Nothing was forgotten/)
  })
})

describe('drain', () => {
  test('says that it is done, or what is left, also by the exit code', async () => {
    const left = { nodeId: 'node-1', drained: false, running: 1, unsafe: 2, tasks: ['t1'] }
    await using daemon = await recordedDaemon({
      'POST /v1/drain': [
        { status: 202, body: left },
        { body: { ...left, drained: true, running: 0, unsafe: 0, tasks: [] } },
      ],
    })
    const first = await runHere(['drain', '--deadline-ms', '50', '--url', daemon.url])
    assert.equal(first.code, 4)
    assert.match(first.out, /1 attempt runs on it still: t1; 2 records are on its disk alone/)
    assert.deepEqual(JSON.parse(daemon.requests[0]?.body ?? ''), { deadlineMs: 50 })
    const second = await runHere(['drain', '--url', daemon.url])
    assert.equal(second.code, 0)
    assert.match(second.out, /owns no keys, runs nothing/)
    assert.deepEqual(JSON.parse(daemon.requests[1]?.body ?? ''), { deadlineMs: 60_000 })
  })
})

describe('voters', () => {
  const voters = {
    mode: 'quorum',
    enabled: true,
    session: 2,
    voters: { version: 4, names: ['a', 'b', 'd'], previous: ['a', 'b', 'c'], fixed: false },
    voter: true,
    granting: true,
    grantedBy: ['a', 'b'],
    leaseForMs: 1_650,
    term: 1_790_000_000_000,
    top: 1_790_000_000_000,
    exceptions: 1,
    topUnheard: [],
    keeps: ['k'],
  }

  test('are listed with who grants, and what is about to change', async () => {
    await using daemon = await recordedDaemon({ 'GET /v1/voters': { body: voters } })
    const { code, out } = await runHere(['voters', '--url', daemon.url])
    assert.equal(code, 0)
    for (const line of [
      /^list +version 4, changing$/m,
      /^holds a quorum for +1\.6 s|1\.7 s$/m,
      /^a +yes +-$/m,
      /^d +no +being added$/m,
      /^c +no +being removed$/m,
    ])
      assert.match(out, line)
    assert.deepEqual(
      JSON.parse((await runHere(['voters', 'list', '--json', '--url', daemon.url])).out),
      voters,
    )
  })

  test('say when there are none, and why', async () => {
    const { voters: _, ...none } = voters
    await using daemon = await recordedDaemon({
      'GET /v1/voters': [{ body: none }, { body: { ...none, enabled: false, mode: 'available' } }],
    })
    assert.match((await runHere(['voters', '--url', daemon.url])).out, /no voter list yet/)
    assert.match((await runHere(['voters', '--url', daemon.url])).out, /available mode: nobody votes/)
  })
})

describe('explain', () => {
  const line = (at: string, event: string, text: string) => ({ at: Date.parse(at), event, text, fields: {} })
  const body = {
    key: 'k',
    hash: 17,
    token: 18,
    owner: 'node-3',
    preferenceList: ['node-3', 'node-1'],
    mine: false,
    ringChecksum: 'r3',
    beliefs: [],
    tasks: [],
    waiting: [{ task: 'one', code: 'no-claimer', detail: 'no client waits' }],
    history: {
      since: Date.parse('2026-11-21T11:58:00Z'),
      owners: [
        {
          at: Date.parse('2026-11-21T12:03:01.500Z'),
          from: 'node-2',
          to: 'node-3',
          ring: 'r3',
          causes: [
            {
              member: 'node-2',
              change: 'gone',
              ledger: [
                line('2026-11-21T12:03:01.400Z', 'member-suspect', 'accused by node-3: refused'),
                line(
                  '2026-11-21T12:03:01.500Z',
                  'verdict',
                  'refused: accused by node-1:refused, node-3:refused',
                ),
              ],
            },
          ],
        },
        { at: Date.parse('2026-11-21T11:59:00Z'), from: 'node-1', to: 'node-2', ring: 'r2', causes: [] },
      ],
      rightsSince: Date.parse('2026-11-21T11:58:00Z'),
      rights: [
        {
          from: Date.parse('2026-11-21T11:58:00Z'),
          until: Date.parse('2026-11-21T11:59:00Z'),
          token: '117309440000000000',
        },
      ],
    },
  }
  const replies = { 'GET /v1/explain/k': { body } }

  test('shows who owned a key so far, why each change was made, and under which token this node acted', async () => {
    await using daemon = await recordedDaemon(replies)
    for (const argv of [
      ['explain', 'k'],
      ['explain', 'key', 'k'],
    ]) {
      const { code, out } = await runHere([...argv, '--url', daemon.url])
      assert.equal(code, 0)
      for (const part of [
        'seen since 2026-11-21T11:58:00.000Z',
        '2026-11-21T12:03:01.500Z  node-2 -> node-3, ring r3',
        'node-2 went out of the ring',
        'verdict: refused: accused by node-1:refused, node-3:refused',
        '11:58:00.000Z or before',
        '117309440000000000',
        'one waits: no-claimer: no client waits',
      ])
        assert.ok(out.includes(part), part)
    }
  })

  test('--at answers for one moment: who owned the key, why, and who said that the one before was dead', async () => {
    await using daemon = await recordedDaemon(replies)
    const at = (time: string) => runHere(['explain', 'k', '--at', time, '--url', daemon.url])
    const later = await at('2026-11-21T12:03:02Z')
    assert.equal(later.code, 0)
    assert.match(later.out, /^At 2026-11-21T12:03:02\.000Z the owner of k was node-3\.\n/)
    assert.match(later.out, /accused by node-1:refused, node-3:refused/)
    assert.match((await at('2026-11-21T12:03:01Z')).out, /the owner of k was node-2\./)
    assert.match((await at('2026-11-21T11:58:30Z')).out, /the owner of k was node-1\./)
    const before = await at('2026-11-21T11:57:00Z')
    assert.equal(before.code, 1)
    assert.match(before.out, /no memory of 2026-11-21T11:57:00\.000Z, only from 2026-11-21T11:58:00\.000Z on/)
  })

  test('a key that nobody owns is explained with the reason and its owners before', async () => {
    const unowned = 'no member takes keys: node-1 is cordoned'
    const { token: _, ...rest } = { ...body, owner: null, unowned, preferenceList: [], mine: false }
    const change = { at: Date.parse('2026-11-21T12:03:01.500Z'), from: 'node-2', ring: 'r3', causes: [] }
    const seen = { ...rest, history: { ...body.history, owners: [change] } }
    const unseen = { ...rest, history: { ...body.history, owners: [] } }
    await using daemon = await recordedDaemon({
      'GET /v1/explain/k': [seen, seen, seen, unseen].map(each => ({ body: each })),
    })
    const explain = (...more: readonly string[]) => runHere(['explain', 'k', ...more, '--url', daemon.url])
    const { code, out } = await explain()
    assert.equal(code, 0)
    assert.match(out, /owner +nobody: no member takes keys: node-1 is cordoned/)
    assert.match(out, /12:03:01\.500Z {2}node-2 -> nobody, ring r3/)
    const then = await explain('--at', '2026-11-21T12:03:02Z')
    assert.equal(then.code, 1)
    assert.match(then.out, /the owner of k was nobody\.\n {2}2026-11-21T12:03:01\.500Z {2}node-2 -> nobody/)
    assert.match((await explain('--at', '2026-11-21T12:03:01Z')).out, /the owner of k was node-2\./)
    const always = await explain('--at', '2026-11-21T12:03:02Z')
    assert.match(always.out, /the owner of k was nobody\.\n {2}no member takes keys: node-1 is cordoned\n$/)
  })

  test('of a member is its ledger', async () => {
    const member = { id: 'node-2', opinion: 'dead', addresses: [], claims: [], self: false }
    const ledger = body.history.owners[0]?.causes[0]?.ledger
    await using daemon = await recordedDaemon({ 'GET /v1/members/node-2': { body: { ...member, ledger } } })
    const { code, out } = await runHere(['explain', 'member', 'node-2', '--url', daemon.url])
    assert.equal(code, 0)
    assert.match(out, /2026-11-21T12:03:01\.500Z {2}verdict: refused: accused by node-1:refused/)
  })

  test('members --why says of each why it is believed to be what it is', async () => {
    const why = line('2026-11-21T12:03:01.500Z', 'member-dead', 'known from verdict')
    const member = { id: 'node-2', opinion: 'dead', addresses: [], claims: [], self: false, why }
    await using daemon = await recordedDaemon({ 'GET /v1/members': { body: { members: [member] } } })
    const { out } = await runHere(['members', '--why', '--url', daemon.url])
    assert.match(out, /^node-2 +dead +2026-11-21T12:03:01\.500Z +member-dead: known from verdict$/m)
  })
})

describe('owner', () => {
  test('--acting answers by the exit code whether the node asked may act', async () => {
    const answer = { key: 'k', owner: 'node-1', mine: true, acting: false }
    await using daemon = await recordedDaemon({
      'GET /v1/owner/k': [{ body: answer }, { body: { ...answer, acting: true } }],
    })
    assert.equal((await runHere(['owner', '--acting', 'k', '--url', daemon.url])).code, 1)
    assert.equal((await runHere(['owner', '--acting', 'k', '--url', daemon.url])).code, 0)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GLOBAL_OPTIONS } from '../../src/cli/arguments.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { daemonUrl } from '../../src/cli/daemon-url.ts'
import { Interrupted } from '../../src/cli/terminal.ts'
import { recordedDaemon, runHere } from './scene.ts'

describe('the help', () => {
  test('of the program names every command and every exit code', async () => {
    const { code, out } = await runHere(['--help'])
    assert.equal(code, 0)
    for (const { name, summary } of COMMANDS)
      assert.ok(out.includes(`${name}`) && out.includes(summary), name)
    for (const exit of ['0', '1', '2', '3', '4', '130']) assert.match(out, new RegExp(`^ +${exit}  \\w`, 'm'))
  })

  for (const command of COMMANDS) {
    test(`of ${command.name} names all its options and shows examples`, async () => {
      const { code, out } = await runHere([command.name, '--help'])
      assert.equal(code, 0)
      const more = (await command.moreOptions?.()) ?? {}
      for (const [name, spec] of Object.entries({ ...command.options, ...more, ...GLOBAL_OPTIONS }))
        assert.equal(out.includes(`--${name}`), !spec.hidden, name)
      for (const [example] of command.examples) assert.ok(out.includes(example), example)
    })

    test(`of ${command.name} shows examples that name the program and this command`, () => {
      assert.ok(command.examples.length > 0)
      for (const [example] of command.examples)
        assert.match(example, new RegExp(`\\broundtable ${command.name}\\b`))
    })
  }

  test('is printed to standard error, with the code for a wrong call, when nothing is asked for', async () => {
    const { code, out, err } = await runHere([])
    assert.equal(code, 2)
    assert.equal(out, '')
    assert.match(err, /Usage: roundtable COMMAND/)
  })
})

describe('a wrong command line', () => {
  test('names the command that was probably meant', async () => {
    const { code, err } = await runHere(['memebrs'])
    assert.equal(code, 2)
    assert.match(err, /^roundtable: USAGE: .*did you mean members\?.*\(Nothing was done\.\)\n$/)
  })

  test('has all its unknown options named at once', async () => {
    const { code, err } = await runHere(['tasks', '--stat', 'dead', '--foo', '-z'])
    assert.equal(code, 2)
    for (const word of ['--stat', '--foo', '-z', '--state?']) assert.ok(err.includes(word), word)
  })

  test('has a number below zero for the number that it is, and not for an option', async () => {
    const { code, err } = await runHere(['weight', '-1'])
    assert.equal(code, 2)
    assert.match(err, /WEIGHT: expected a number from 0\.01 to 100, got "-1"/)
    const { err: more } = await runHere(['weight', '1', '-1.5', '-2x'])
    assert.match(more, /-2: expected an option of this command/)
    assert.match((await runHere(['weight', '1', '-1.5'])).err, /expected WEIGHT, got "1" "-1\.5"/)
  })

  test('is refused when a value is missing, is not wanted, or is not one of those allowed', async () => {
    for (const argv of [
      ['owner'],
      ['owner', 'a', 'b'],
      ['status', '--url'],
      ['status', '--check=yes'],
      ['tasks', '--state', 'finished'],
      ['tasks', '--limit', '0'],
      ['tasks', '--limit', '1e3'],
      ['submit', 'echo', '--payload', '{'],
      ['submit', 'echo', '--arg', 'x'],
      ['submit', 'echo', '-f', 'task.json'],
      ['submit'],
      ['submit', '[1]', '--url', 'ftp://x'],
      ['status', '--url', 'ftp://x'],
      ['agent', '--listen', 'nonsense'],
      ['agent', '--htpp-port', '1'],
      ['--frobnicate'],
    ]) {
      const { code, out, err } = await runHere(argv)
      assert.equal(code, 2, argv.join(' '))
      assert.equal(out, '')
      assert.match(err, /^roundtable: USAGE: /)
    }
  })

  test('is told as one JSON document with --json', async () => {
    const { code, out, err } = await runHere(['tasks', '--limit', 'many', '--json'])
    assert.equal(code, 2)
    assert.equal(err, '')
    const { error } = JSON.parse(out)
    assert.equal(error.code, 'USAGE')
    assert.equal(error.state, 'Nothing was done.')
    assert.deepEqual(error.problems, [
      { at: '--limit', expected: 'a whole number from 1 to 1000', got: '"many"' },
    ])
  })

  test('of the agent refuses a short option beside the long one that says the same', async () => {
    const short = ['--http', '127.0.0.1:7001', '--listen', '[::1]:7002', '--min-members', '3']
    const long = ['--http-host', '127.0.0.2', '--http-port', '7003', '--transport-port', '7004']
    const argv = ['agent', '--json', ...short, ...long, '--tasks-min-members', '2']
    const { code, out } = await runHere(argv)
    assert.equal(code, 2)
    const { error } = JSON.parse(out)
    assert.equal(error.code, 'USAGE')
    assert.deepEqual(error.problems, [
      { at: '--listen', expected: 'either this or --transport-port', got: 'both' },
      { at: '--http', expected: 'either this or --http-host', got: 'both' },
      { at: '--http', expected: 'either this or --http-port', got: 'both' },
      { at: '--min-members', expected: 'either this or --tasks-min-members', got: 'both' },
    ])
  })

  test('of the agent reports every problem of the configuration', async () => {
    const { code, err } = await runHere([
      'agent',
      '--http-port',
      'x',
      '--tasks-concurrency',
      '-3',
      '--weight',
      '0',
    ])
    assert.equal(code, 2)
    assert.match(err, /CONFIG_INVALID/)
    for (const flag of ['--http-port', '--tasks-concurrency', '--weight']) assert.ok(err.includes(flag), flag)
  })
})

describe('no daemon', () => {
  test('has an exit code of its own and says where nobody answered', async () => {
    const { code, err } = await runHere(['status', '--url', 'http://127.0.0.1:9'])
    assert.equal(code, 3)
    assert.match(err, /^roundtable: DAEMON_UNREACHABLE: .*http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/)
  })

  test('is told on every port, those that browsers refuse included', async () => {
    const { err } = await runHere(['status', '--url', 'http://127.0.0.1:6666'])
    assert.match(err, /ECONNREFUSED 127\.0\.0\.1:6666/)
  })

  test('but another server is told apart', async () => {
    await using server = await recordedDaemon({ 'GET /v1/status': { body: '<html>', type: 'text/html' } })
    const { code, err } = await runHere(['status', '--url', server.url])
    assert.equal(code, 3)
    assert.match(err, /no roundtable daemon/)
  })

  test('is not waited for after Ctrl-C', async () => {
    const interrupted = AbortSignal.abort(new Interrupted('SIGINT'))
    const { code } = await runHere(['status'], { interrupted })
    assert.equal(code, 130)
  })
})

describe('the address and the token', () => {
  const replies = {
    'GET /v1/ring': { body: { checksum: 'c', version: 1, vnodesPerWeight: 100, replicas: 3, members: [] } },
  }

  test('come from the environment unless options say otherwise', async () => {
    await using daemon = await recordedDaemon(replies)
    const env = { ROUNDTABLE_URL: `${daemon.url}/`, ROUNDTABLE_TOKEN: 'from-environment' }
    assert.equal((await runHere(['ring'], { env })).code, 0)
    assert.equal((await runHere(['--token', 'from-option', 'ring'], { env })).code, 0)
    assert.deepEqual(
      daemon.requests.map(({ headers }) => headers.authorization),
      ['Bearer from-environment', 'Bearer from-option'],
    )
  })

  test('find the daemon where the variables of its configuration make it listen', async () => {
    await using daemon = await recordedDaemon(replies)
    const { port } = new URL(daemon.url)
    for (const host of [undefined, '', '0.0.0.0', '127.0.0.1']) {
      const env = { ROUNDTABLE_HTTP_PORT: port, ROUNDTABLE_HTTP_HOST: host }
      const { code, err } = await runHere(['ring'], { env })
      assert.equal(code, 0, err)
    }
    const named = { ROUNDTABLE_HTTP_PORT: '1', ROUNDTABLE_URL: daemon.url }
    assert.equal((await runHere(['ring'], { env: named })).code, 0)
    assert.equal(daemonUrl({ ROUNDTABLE_HTTP_HOST: '::', ROUNDTABLE_HTTP_PORT: '0' }), 'http://[::1]:7373')
    assert.equal(daemonUrl({}), 'http://127.0.0.1:7373')
  })

  test('may stand before the command', async () => {
    await using daemon = await recordedDaemon(replies)
    const { code, out } = await runHere(['--url', daemon.url, '--json', 'ring'])
    assert.equal(code, 0)
    assert.equal(JSON.parse(out).checksum, 'c')
  })
})

/** Where tasks come from that are handed in line by line. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { submitMany } from '../../src/cli/commands/submit-many.ts'
import { linesOfFile, linesOfInput } from '../../src/cli/task-source.ts'
import { lineDaemon, TAKEN } from './line-daemon.ts'
import { remember, runHere } from './scene.ts'

async function all<T>(lines: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const line of lines) found.push(line)
  return found
}

describe('submit, from where', () => {
  test('lines end at newlines and nowhere else, wherever the pieces are cut', async () => {
    const lines = ['{"payload":"a\u2028b\u2029c\u0085\u{1f300}"}', '', '{"type":"echo"}\r', 'é']
    const bytes = Buffer.from(lines.join('\n'))
    for (let size = 1; size <= bytes.length; size++) {
      async function* pieces() {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      }
      assert.deepEqual(await all(linesOfInput(pieces()).lines), lines, `pieces of ${size}`)
    }
  })

  test('what is no UTF-8, or a line without an end, is refused and not sent; a byte order mark is left out', async () => {
    await using daemon = await lineDaemon(() => TAKEN)
    const mib = Buffer.alloc(1024 * 1024, 'x')
    async function* pieces() {
      yield Buffer.from('\ufeff{"type":"echo","payload":"é"}\n{"type":"echo","payload":"')
      yield Buffer.from([0xff, 0x22, 0x7d, 0x0a])
      for (let i = 0; i < 17; i++) yield mib
      yield Buffer.from('\n{"type":"echo","id":"last"}')
    }
    const [out, err] = [remember(), remember()]
    const quiet = new AbortController().signal
    const terminal = {
      ...{ out, err, env: {}, readInput: async () => undefined, openInput: () => undefined },
      ...{ interrupted: quiet, killed: quiet },
    }
    const call = { args: [], values: { url: daemon.url }, json: false, terminal }
    assert.equal(await submitMany(call, linesOfInput(pieces()), { priority: 0 }), 1)
    assert.equal(out.text, '2 accepted, 0 known already, 2 refused, 0 unknown\n')
    assert.match(err.text, /line 2: a task: BAD_REQUEST: Expected JSON in UTF-8/)
    assert.match(err.text, /line 3: a task: BODY_TOO_LARGE: Expected a line of at most 16777216 bytes/)
    const sent = daemon.rounds.flat()
    assert.deepEqual(
      sent.map(task => [task['payload'], task['priority']]),
      [
        ['é', 0],
        [undefined, 0],
      ],
    )
    assert.ok(sent.every(({ id }) => id.length > 0))
  })

  test('a file with one task a line may hold the line separators of Unicode in its texts', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    try {
      const file = join(directory, 'tasks.ndjson')
      const tasks = ['{"type":"echo","payload":"a\u2028b"}', '{"type":"echo","payload":"\u2029"}']
      await writeFile(file, `${tasks.join('\n')}\n`)
      const { lines, bytes } = await linesOfFile(file)
      assert.deepEqual(await all(lines), tasks)
      assert.equal(bytes, Buffer.byteLength(tasks.join('\n')) + 1)
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('what cannot be read is a wrong command line', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    try {
      const file = join(directory, 'a.ndjson')
      await mkdir(file)
      const { code, err } = await runHere(['submit', '--file', file, '--url', 'http://127.0.0.1:9'])
      assert.equal(code, 2)
      assert.match(err, /--file: expected a file that can be read, got EISDIR/)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

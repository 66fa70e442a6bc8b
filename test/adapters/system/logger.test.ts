import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createLogger, type DaemonLogger, type LoggerOptions } from '../../../src/adapters/system/logger.ts'

const root = mkdtempSync(join(tmpdir(), 'roundtable-log-'))
after(() => rmSync(root, { recursive: true }))
const script = join(import.meta.dirname, 'system-process.ts')

/** A parsed line; the names are those that the tests ask for. */
type Line = Partial<
  Record<
    | 'level'
    | 'time'
    | 'nodeId'
    | 'event'
    | `${'level' | 'time' | 'nodeId' | 'event'}_`
    | 'incarnation'
    | 'boot'
    | 'key'
    | 'i'
    | 'fieldsDropped'
    | 'f0'
    | 'deep'
    | 'big'
    | 'inside'
    | 'nan'
    | 'infinite'
    | 'cycle'
    | 'error'
    | 'symbol'
    | 'newline',
    unknown
  >
>

function recorded(options: Partial<LoggerOptions> = {}): { logger: DaemonLogger; lines: () => Line[] } {
  const texts: string[] = []
  const destination = { write: (text: string) => texts.push(text) }
  const logger = createLogger({ level: 'info', nodeId: 'n1', destination, ...options })
  return {
    logger,
    lines: () => {
      for (const text of texts) assert.match(text, /^[^\n]+\n$/)
      return texts.map(text => JSON.parse(text) as Line)
    },
  }
}

/** Fields of kinds that the types forbid and reality brings. */
const odd = (fields: Record<string, unknown>) => fields as Record<string, string>

test('an event is one JSON line with level, time, node and event', () => {
  const { logger, lines } = recorded()
  const from = Date.now()
  logger.log('warn', 'member-dead', { member: 'n2', accusers: ['n3', 'n4'], because: undefined })
  const [{ time, ...rest } = {}] = lines()
  assert.deepEqual(rest, {
    level: 'warn',
    nodeId: 'n1',
    event: 'member-dead',
    member: 'n2',
    accusers: ['n3', 'n4'],
  })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.ok(Date.parse(String(time)) >= from)
})

test('levels below the chosen one are silent, and the choice can change', () => {
  const { logger, lines } = recorded({ level: 'warn' })
  logger.log('info', 'a')
  logger.log('error', 'b')
  logger.setLevel('debug')
  logger.log('debug', 'c')
  assert.deepEqual(
    lines().map(line => line.event),
    ['b', 'c'],
  )
})

test('bound fields are on every later line, each as it is at that moment', () => {
  const { logger, lines } = recorded()
  logger.log('info', 'a')
  let incarnation = 5
  logger.bind(() => ({ incarnation, boot: 2 }))
  logger.log('info', 'b', { key: 'k' })
  incarnation = 6
  logger.log('info', 'c')
  const [first = {}, second = {}, third = {}] = lines()
  assert.ok(!('incarnation' in first))
  assert.deepEqual([second.incarnation, second.boot, second.key], [5, 2, 'k'])
  assert.equal(third.incarnation, 6)
})

test('a field cannot pretend to be the level, the node or the time, and wins over a bound one', () => {
  const { logger, lines } = recorded()
  logger.bind(() => ({ incarnation: 5, nodeId: 'x' }))
  logger.log('info', 'a', { level: 'error', nodeId: 'x', event: 'y', time: 'z', incarnation: 9 })
  const [line = {}] = lines()
  assert.deepEqual([line.level, line.nodeId, line.event, line.incarnation], ['info', 'n1', 'a', 9])
  assert.deepEqual([line.level_, line.nodeId_, line.event_, line.time_], ['error', 'x', 'y', 'z'])
})

test('values that JSON does not know become text and never an exception', () => {
  const { logger, lines } = recorded()
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  logger.log(
    'info',
    'odd',
    odd({
      big: 2n ** 70n,
      inside: { big: 1n },
      nan: Number.NaN,
      infinite: Number.POSITIVE_INFINITY,
      cycle,
      error: new TypeError('broken'),
      function: () => 1,
      symbol: Symbol('s'),
      half: '\ud800',
      newline: 'a\nb',
    }),
  )
  const [line = {}] = lines()
  assert.equal(line.big, '1180591620717411303424')
  assert.deepEqual(line.inside, { big: '1' })
  assert.equal(line.nan, 'NaN')
  assert.equal(line.infinite, 'Infinity')
  assert.match(String(line.cycle), /not JSON/)
  assert.match(String(line.error), /TypeError: broken/)
  assert.equal(line.symbol, 'Symbol(s)')
  assert.equal(line.newline, 'a\nb')
  assert.equal(logger.dropped, 0)
})

test('a field that throws, or a destination that does, costs the line, is counted, and nothing else', () => {
  const { logger, lines } = recorded()
  logger.log('info', 'a', {
    get trap(): string {
      throw new Error('trap')
    },
  })
  logger.log('info', 'b')
  assert.equal(logger.dropped, 1)
  assert.deepEqual(
    lines().map(line => line.event),
    ['b'],
  )
  const broken = createLogger({
    level: 'info',
    nodeId: 'n1',
    destination: {
      write: () => {
        throw new Error('gone')
      },
    },
  })
  broken.log('info', 'a')
  assert.equal(broken.dropped, 1)
})

test('no field and no line is endless', () => {
  const { logger, lines } = recorded()
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, 'x'.repeat(100_000)]))
  logger.log('info', 'e'.repeat(100_000), many)
  logger.log('info', 'object', { deep: { text: 'y'.repeat(100_000) } })
  const [line = {}, object = {}] = lines()
  assert.ok(JSON.stringify(line).length < 64 * 4200 + 10_000)
  assert.equal(line.fieldsDropped, 936)
  assert.match(String(line.f0), /… \(100000 characters\)$/)
  assert.match(String(object.deep), /^\{"text":"y+… \(\d+ characters\)$/)
})

test('lines go to a file whole and in order, at the end of the turn in which they were said', async () => {
  const path = join(root, 'file.log')
  const fd = openSync(path, 'a')
  const logger = createLogger({ level: 'info', nodeId: 'n1', destination: fd })
  for (let i = 0; i < 1000; i++) logger.log('info', 'line', { i })
  await undefined // no timer and no turn of the event loop later, and before any flush
  const text = readFileSync(path, 'utf8')
  logger.close()
  logger.close()
  closeSync(fd)
  assert.deepEqual(
    text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).i),
    Array.from({ length: 1000 }, (_, i) => i),
  )
})

test('a full disk costs lines, which are counted, and nothing else', () => {
  const fd = openSync('/dev/full', 'w')
  const logger = createLogger({ level: 'info', nodeId: 'n1', destination: fd })
  for (let i = 0; i < 5; i++) logger.log('info', 'line')
  logger.flush()
  assert.equal(logger.dropped, 5)
  logger.close()
  closeSync(fd)
})

for (const [through, shell] of [
  ['a socket', undefined],
  ['a pipe', `"$0" "$1" last | cat`],
] as const) {
  test(`no line is lost when the process exits right after logging, through ${through}`, () => {
    const [program, args] =
      shell === undefined
        ? [process.execPath, [script, 'last']]
        : ['sh', ['-c', shell, process.execPath, script]]
    const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 10_000_000 })
    const lines = stdout.trimEnd().split('\n')
    assert.equal(lines.length, 2000, stderr)
    assert.equal((JSON.parse(lines.at(-1) ?? '') as Line).i, 1999)
  })
}

test('the last words before a crash are written', () => {
  const { stdout, status } = spawnSync(process.execPath, [script, 'crash'], { encoding: 'utf8' })
  assert.equal((JSON.parse(stdout) as Line).event, 'last-words')
  assert.equal(status, 1)
})

for (const [through, shell] of [
  ['a socket', undefined],
  ['a pipe', `"$0" "$1" flood | exec sleep 0`],
] as const) {
  test(`a reader that goes away does not end the process, through ${through}`, async () => {
    if (shell !== undefined) {
      const { stderr } = spawnSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' })
      const said = JSON.parse(stderr) as { turns: number; dropped: number }
      assert.equal(said.turns, 200)
      assert.ok(said.dropped > 0)
      return
    }
    const child = spawn(process.execPath, [script, 'flood'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const errors = child.stderr.setEncoding('utf8').toArray()
    const [code] = (await once(child, 'exit')) as [number | null]
    const said = JSON.parse((await errors).join('')) as { turns: number; dropped: number }
    assert.equal(code, 0)
    assert.equal(said.turns, 200)
    assert.ok(said.dropped > 0)
  })
}

test('a reader that stops reading does not stop the process, and its exit waits half a second at most', async () => {
  const shell = `"$0" "$1" flood | (read line; exec sleep 60) 2>/dev/null & exec 2>/dev/null; wait`
  const child = spawn('sh', ['-c', shell, process.execPath, script], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  try {
    const [said] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string]
    const { turns, worstMs, dropped } = JSON.parse(said) as {
      turns: number
      worstMs: number
      dropped: number
    }
    assert.equal(turns, 200)
    assert.ok(worstMs < 2000, `${worstMs} ms`)
    assert.ok(dropped > 0, 'eight megabytes do not fit in four')
    await once(child.stderr, 'end') // the logging process has exited
  } finally {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL') // the shell and its pipeline
  }
})

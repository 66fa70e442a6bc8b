import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { overlaps, readLedger, type Sign, spansOf, staleAccepted } from './act-ledger.ts'

const REGISTER = fileURLToPath(new URL('../testbed/register.mjs', import.meta.url))

/** Signs of one actor: `s` start, `a` act, `p` stop, `g` gone, each with its time. */
function life(actor: number, signs: string, some: Partial<Sign> = {}): readonly Sign[] {
  const events = { s: 'start', a: 'act', p: 'stop', g: 'gone' } as const
  return signs.split(' ').map(sign => ({
    at: Number(sign.slice(1)),
    event: events[sign[0] as keyof typeof events],
    actor,
    key: 'k',
    token: String(actor),
    node: `n${actor}`,
    pid: 1000 + actor,
    accepted: true,
    ...some,
  }))
}

const who = (ledger: readonly Sign[]): readonly string[] =>
  overlaps(ledger).map(
    ({ key, first, second, from, to }) => `${key} ${first.node} ${second.node} ${from}-${to}`,
  )

test('a right history has no overlap: one after the other, other keys at the same time', () => {
  assert.deepEqual(
    who([
      ...life(1, 's0 a100 a200 p250'),
      ...life(2, 's260 a360 p400'),
      ...life(3, 's0 a100 p400', { key: 'q' }),
    ]),
    [],
  )
})

for (const [what, ledger, found] of [
  [
    'a second actor begins while the first acts',
    [life(1, 's0 a100 a200 p300'), life(2, 's150 p400')],
    ['k n1 n2 150-300'],
  ],
  [
    'the second lies within the first',
    [life(1, 's0 a100 a200 p300'), life(2, 's120 p180')],
    ['k n1 n2 120-180'],
  ],
  ['they meet in one moment', [life(1, 's0 p100'), life(2, 's100 p200')], ['k n1 n2 100-100']],
  [
    'the first is killed only after the second began',
    [life(1, 's0 a100 g190'), life(2, 's150 p400')],
    ['k n1 n2 150-190'],
  ],
  [
    'a frozen actor wakes and acts once more',
    [life(1, 's0 a100 a900 g950'), life(2, 's500 a600 a700 a800 a900 p1000')],
    ['k n2 n1 900-950'],
  ],
  [
    'three act, two at a time',
    [life(1, 's0 p100'), life(2, 's50 a150 p200'), life(3, 's180 p300')],
    ['k n1 n2 50-100', 'k n2 n3 180-200'],
  ],
  [
    'an attempt of a killed daemon meets that of its successor',
    [life(1, 's0 p100', { node: 'n' }), life(2, 's50 p90', { node: 'n' })],
    ['k n n 50-90'],
  ],
  [
    'the refused one acts all the same',
    [life(2, 's0 p100'), life(1, 's50 p90', { accepted: false })],
    ['k n2 n1 50-90'],
  ],
] as const) {
  test(`a wrong history is found out: ${what}`, () => {
    assert.deepEqual(who(ledger.flat()), found)
    assert.deepEqual(who(ledger.flat().toReversed()), found)
  })
}

test('who is frozen and then killed did not act, unless silence is to count as acting', () => {
  const ledger = [...life(1, 's0 a100 g2000'), ...life(2, 's900 a1000 p1100')]
  assert.deepEqual(who(ledger), [])
  assert.equal(overlaps(ledger, Number.POSITIVE_INFINITY).length, 1)
})

test('overlaps are found exactly where two actors act in one moment', () => {
  const span = fc.record({ key: fc.constantFrom('a', 'b'), from: fc.nat(60), length: fc.nat(15) })
  fc.assert(
    fc.property(fc.array(span, { maxLength: 7 }), spans => {
      const ledger = spans.flatMap(({ key, from, length }, i) =>
        life(i, `s${from} p${from + length}`, { key }),
      )
      const twice = (key: string, at: number): boolean =>
        spans.filter(s => s.key === key && s.from <= at && at <= s.from + s.length).length > 1
      const wrong = ['a', 'b'].some(key =>
        Array.from({ length: 80 }, (_, at) => at).some(at => twice(key, at)),
      )
      assert.equal(overlaps(ledger).length > 0, wrong)
      for (const { key, from, to } of overlaps(ledger)) assert.ok(twice(key, from) && twice(key, to))
    }),
  )
})

test('an accepted write with an older token, or with the token of another node, is found out', () => {
  const right = [...life(1, 's0 a50'), ...life(2, 's100 p300'), ...life(1, 'a200', { accepted: false })]
  assert.deepEqual(staleAccepted(right), [])
  const [late] = life(1, 'a200')
  assert.deepEqual(staleAccepted([...right, late as Sign]), [late])
  const [twin] = life(3, 's400', { token: '2' })
  assert.deepEqual(staleAccepted([...right, twin as Sign]), [twin])
  const longer = life(9, 's500', { token: '18446744073709551615' })
  assert.deepEqual(staleAccepted([...right, ...longer, ...life(8, 's600', { token: '9' })]).length, 1)
})

/** A register with its ledger, both gone after the test. */
async function register(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'register-'))
  const [socket, out] = [join(directory, 'socket'), join(directory, 'ledger')]
  const server = spawn(process.execPath, [REGISTER, 'serve', `--socket=${socket}`, `--out=${out}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => {
    server.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  await once(createInterface({ input: server.stdout }), 'line')
  const actor = (key: string, token: string, node: string, ...options: string[]): ChildProcess => {
    const env = { ROUNDTABLE_TASK_KEY: key, ROUNDTABLE_TASK_TOKEN: token, ROUNDTABLE_TASK_NODE: node }
    const child = spawn(process.execPath, [REGISTER, 'act', `--socket=${socket}`, ...options], {
      env,
      stdio: 'ignore',
    })
    t.after(() => child.kill('SIGKILL'))
    return child
  }
  return { actor, ledger: () => readLedger(out) }
}

test('the register writes down what real actors do, and refuses a token that is too old', async t => {
  const { actor, ledger } = await register(t)
  const ended = (child: ChildProcess) => once(child, 'close')
  const of = (node: string) => ledger().filter(sign => sign.node === node)
  await ended(actor('k', '7', 'n1', '--ms=300', '--beat=50'))
  const first = of('n1').map(sign => sign.event)
  assert.deepEqual([first[0], first[1], first.at(-1)], ['start', 'act', 'stop'])
  assert.deepEqual([overlaps(ledger()), spansOf(ledger()).length], [[], 1])

  const stale = actor('k', '6', 'n2', '--ms=60000', '--beat=20')
  await until('the stale one has acted', () => of('n2').length > 3)
  const current = actor('k', '8', 'n3', '--ms=60000', '--beat=20')
  await until('both have acted', () => of('n3').length > 3)
  stale.kill('SIGKILL')
  current.kill('SIGTERM')
  await Promise.all([stale, current].map(ended))
  await until('their ends are known', () => ['gone', 'stop'].includes(String(of('n2').at(-1)?.event)))
  assert.deepEqual([of('n2').at(-1)?.event, of('n3').at(-1)?.event], ['gone', 'stop'])
  assert.deepEqual(
    [of('n2').some(sign => sign.accepted), of('n3').every(sign => sign.accepted)],
    [false, true],
  )
  assert.deepEqual(staleAccepted(ledger()), [])
  const [overlap] = overlaps(ledger())
  assert.deepEqual([overlap?.first.node, overlap?.second.node, overlap?.key], ['n2', 'n3', 'k'])
})

/** Polls, as other processes tell nobody. */
async function until(claim: string, look: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!look()) {
    assert.ok(performance.now() < deadline, `waited in vain until ${claim}`)
    await pause(10)
  }
}

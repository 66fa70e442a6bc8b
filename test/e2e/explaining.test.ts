/** Real daemons on this machine: what an operator at a terminal can find out, and do, with one node to ask. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const TEST_MS = 120_000
const KEYS = Array.from({ length: 20 }, (_, i) => `key/${i}`)

const execute = promisify(execFile)

let scratch = ''
let cluster: ChildProcess | undefined
let urls: readonly string[] = []
const monitors: ChildProcess[] = []

before(
  async () => {
    scratch = await mkdtemp(join(tmpdir(), 'roundtable-explaining-'))
    cluster = spawn(PROGRAM, ['cluster', '--nodes', '4', '--count', '0', '--keep', '--json'], {
      cwd: scratch,
      env: { ...process.env, TMPDIR: scratch },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const text = gather(cluster)
    await until(() => text().endsWith('\n'))
    urls = JSON.parse(text()).nodes.map(({ url }: { url: string }) => url)
  },
  { timeout: TEST_MS },
)

after(
  async () => {
    for (const monitor of monitors) monitor.kill('SIGINT')
    cluster?.kill('SIGINT')
    await until(() => daemons().length === 0)
    await rm(scratch, { recursive: true, force: true })
  },
  { timeout: TEST_MS },
)

function gather(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
  })
  return () => text
}

function daemons(): readonly { readonly pid: number; readonly name: string }[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  return lines
    .filter(line => line.includes(scratch) && line.includes(' agent '))
    .map(line => ({ pid: Number.parseInt(line, 10), name: /--node-id (\S+)/.exec(line)?.[1] ?? '' }))
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 50))
}

const roundtable = async (url: string | undefined, ...argv: readonly string[]): Promise<string> =>
  (await execute(PROGRAM, [...argv, '--url', url ?? ''])).stdout

describe('with one node to ask', { timeout: 3 * TEST_MS }, () => {
  test('an operator finds out who owned a key at a time, why that changed, and who said the node was dead', {
    timeout: TEST_MS,
  }, async () => {
    const [witness] = urls
    const victim = 'node-3'
    const owners = await Promise.all(
      KEYS.map(async key => [key, (await roundtable(witness, 'owner', key)).trim()] as const),
    )
    const [key] = owners.find(([, owner]) => owner === victim) ?? assert.fail('a key of the victim')
    const monitor = spawn(PROGRAM, ['monitor', '--json', '--types', 'member,ring', '--url', witness ?? ''])
    monitors.push(monitor)
    const seen = gather(monitor)
    const events = async (): Promise<boolean> =>
      (await (await fetch(`${witness}/metrics`)).text()).includes('roundtable_event_streams 1')
    await until(events)
    const then = new Date().toISOString()
    const pid = daemons().find(({ name }) => name === victim)?.pid
    assert.ok(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    await until(async () => (await roundtable(witness, 'owner', key)).trim() !== victim)

    const answer = await roundtable(witness, 'explain', 'key', key, '--at', then)
    assert.match(answer, new RegExp(`the owner of ${key} was ${victim}`))
    const story = await roundtable(witness, 'explain', key)
    assert.match(story, new RegExp(`${victim} -> node-\\d, ring`))
    assert.match(story, new RegExp(`${victim} went out of the ring`))
    assert.match(story, /verdict: refused: accused by .*node-\d:refused|member-dead: known from/)
    const ledger = await roundtable(witness, 'explain', 'member', victim)
    assert.match(ledger, /member-dead/)
    assert.match(
      await roundtable(witness, 'members', '--why'),
      // Who found it out says how; who was told first says by whom.
      new RegExp(`${victim} +dead +\\S+ +(verdict: refused: accused by|member-dead: known from)`),
    )
    await until(() => seen().includes('"member-dead"') && seen().includes('"ring-changed"'))
    for (const line of seen().trimEnd().split('\n')) assert.match(JSON.parse(line).id, /^1\.[0-9a-f]{6}-\d+$/)
  })

  test('a drained node owns nothing, is still a member, and gets its keys again', {
    timeout: TEST_MS,
  }, async () => {
    const url = urls[3]
    const { drained } = JSON.parse(await roundtable(url, 'drain', '--json'))
    assert.equal(drained, true)
    assert.match(await roundtable(url, 'status'), /cordoned +it owns no keys/)
    assert.doesNotMatch(await roundtable(url, 'ring'), /^node-4 /m)
    await until(async () => !/^node-4 /m.test(await roundtable(urls[0], 'ring')))
    assert.match(await roundtable(urls[0], 'members'), /^node-4 +alive.*cordoned/m)
    await roundtable(url, 'uncordon')
    await until(async () => /^node-4 /m.test(await roundtable(urls[0], 'ring')))
  })

  test('a dead member is forgotten, a living one is not', { timeout: TEST_MS }, async () => {
    const [witness] = urls
    await assert.rejects(roundtable(witness, 'forget', 'node-2'), /MEMBER_ALIVE/)
    await roundtable(witness, 'forget', 'node-3')
    await until(async () => !(await roundtable(urls[1], 'members')).includes('node-3'))
  })
})

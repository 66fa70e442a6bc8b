/** A real daemon that is told to read its configuration again. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))

interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

let scratch = ''
let daemons: Daemon[] = []

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-hangup-'))
})

afterEach(async () => {
  await Promise.all(daemons.map(daemon => daemon.kill()))
  daemons = []
  await rm(scratch, { recursive: true, force: true })
})

/** One daemon, and what it logs. */
class Daemon {
  readonly file: string
  readonly #child: ChildProcess
  readonly #lines: Line[] = []
  #news = Promise.withResolvers<void>()

  constructor(name: string, file: string) {
    this.file = file
    const where = ['--config', file, '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']
    this.#child = spawn(PROGRAM, ['agent', ...where, '--node-id', name, '--data-dir', join(scratch, name)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    daemons.push(this)
    assert.ok(this.#child.stdout)
    createInterface({ input: this.#child.stdout }).on('line', line => {
      this.#lines.push(JSON.parse(line))
      this.#news.resolve()
      this.#news = Promise.withResolvers()
    })
  }

  /** The first line from now on, or already there, that is as wanted. */
  async said(wanted: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.#lines.find(wanted)
      if (found !== undefined) return found
      await this.#news.promise
    }
  }

  hangup(): void {
    this.#child.kill('SIGHUP')
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}

async function start(name: string, text: string): Promise<Daemon> {
  const file = join(scratch, `${name}.yaml`)
  await writeFile(file, text)
  return new Daemon(name, file)
}

test('a daemon that learns of a seed by SIGHUP joins, and says what became of each key', {
  timeout: 60_000,
}, async () => {
  const [a, b] = [await start('a', 'cluster: hangup\n'), await start('b', 'cluster: hangup\n')]
  const listening = await a.said(line => line.event === 'listening')
  await b.said(line => line.event === 'ready')
  const seed = String((listening['addresses'] as readonly unknown[])[0])
  await writeFile(b.file, `cluster: hangup\nseeds: ["${seed}"]\njoinDelayMs: 1s\nexpectedNodes: 2\n`)
  b.hangup()
  const { applied, needsRestart } = await b.said(line => line.event === 'reloaded')
  assert.deepEqual(applied, ['seeds'])
  assert.deepEqual(needsRestart, ['mode', 'expectedNodes', 'joinDelayMs'])
  for (const daemon of [a, b]) {
    await daemon.said(({ event, members }) => event === 'ring-changed' && String(members) === 'a,b')
  }
  await writeFile(b.file, 'cluster: [\n')
  b.hangup()
  assert.equal((await b.said(line => line.event === 'reload-failed'))['code'], 'CONFIG_INVALID')
})

test('a change of the file while the daemon starts is taken once it runs', { timeout: 60_000 }, async () => {
  const a = await start('a', 'cluster: hangup\nweight: 1\n')
  while (!existsSync(join(scratch, 'a', 'boot.json'))) await pause(1)
  await writeFile(a.file, 'cluster: hangup\nweight: 5\n')
  const { applied, reason } = await a.said(line => line.event === 'reloaded')
  assert.deepEqual([applied, reason], [['weight'], 'file'])
})

test('a node with a join delay owns nothing until it has been ready for so long', {
  timeout: 60_000,
}, async () => {
  const a = await start('a', 'cluster: delay\ntasks: { durability: 1 }\n')
  const listening = await a.said(line => line.event === 'listening')
  await a.said(line => line.event === 'ready')
  const seed = String((listening['addresses'] as readonly unknown[])[0])
  const b = await start(
    'b',
    `cluster: delay\nseeds: ["${seed}"]\njoinDelayMs: 1s\ntasks: { durability: 1 }\n`,
  )
  const ready = await b.said(line => line.event === 'ready')
  const joined = await b.said(({ event, members }) => event === 'ring-changed' && String(members) === 'a,b')
  assert.ok(Date.parse(String(joined['time'])) - Date.parse(String(ready['time'])) >= 950)
})

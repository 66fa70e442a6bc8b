/**
 * Records real daemons for `replay.test.ts`: three on loopback, of which the first writes down everything that happens to
 * its core. Once while the others join, once while one is killed, once while one is frozen until it is buried and then
 * thawed, and once in quorum mode, where the first is left alone and stops. What is kept is the trace, and of the log the
 * lines that say what was concluded.
 *
 *   node test/simulation/record.ts DIRECTORY
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { conclusionsOfLog } from './replay.ts'

const DAEMON = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
const WAIT_MS_MAX = 30_000
/** New observers count only after they have watched for a while (S + hold); time itself is waited for here. */
const WATCHED_MS = 3_000

class Daemon {
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  #changed = Promise.withResolvers<void>()

  constructor(name: string, directory: string, flags: readonly string[]) {
    const data = ['--node-id', name, '--data-dir', join(directory, name), '--cluster', 'recorded']
    const listen = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']
    this.#child = spawn(DAEMON, ['agent', ...data, ...listen, ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#closed = once(this.#child, 'close')
    if (this.#child.stdout === null) throw new Error('the daemon has no standard output')
    createInterface(this.#child.stdout).on('line', line => {
      this.lines.push(line)
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The fields of the first line from `from` on with this event (about this member). */
  async said(event: string, member?: string, from = 0): Promise<Record<string, unknown>> {
    const signal = AbortSignal.timeout(WAIT_MS_MAX)
    const late = once(signal, 'abort')
    for (;;) {
      for (const line of this.lines.slice(from)) {
        const fields = JSON.parse(line) as Record<string, unknown>
        const { event: named, member: about } = fields
        if (named === event && (member === undefined || about === member)) return fields
      }
      if (signal.aborted) throw new Error(`nobody said ${event} ${member ?? ''}`)
      await Promise.race([this.#changed.promise, late])
    }
  }

  async ended(): Promise<void> {
    await this.#closed
  }
}

type Act = (first: Daemon, last: Daemon, second: Daemon) => Promise<void>

/** Starts three daemons, lets `act` do what is to be recorded, and keeps what the first one saw. */
async function record(name: string, into: string, act: Act, flags: readonly string[] = []): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'roundtable-record-'))
  const trace = join(directory, 'trace')
  const daemons: Daemon[] = []
  try {
    const first = new Daemon('n1', directory, ['--trace', trace, ...flags])
    daemons.push(first)
    const { addresses } = await first.said('listening')
    const seed = ['--seed', String((addresses as readonly string[])[0]), ...flags]
    for (const other of ['n2', 'n3']) daemons.push(new Daemon(other, directory, seed))
    for (const other of ['n2', 'n3']) await first.said('member-alive', other)
    for (const daemon of daemons) await daemon.said('ready')
    await setTimeout(WATCHED_MS)
    const [, second = first, last = first] = daemons
    await act(first, last, second)
    first.signal('SIGTERM')
    await first.ended()
    copyFileSync(trace, join(into, `${name}.trace.ndjson`))
    const concluded = first.lines.filter(line => conclusionsOfLog(line).length > 0)
    writeFileSync(join(into, `${name}.log.ndjson`), `${concluded.join('\n')}\n`)
    console.log(`${name}: ${concluded.length} conclusions`)
  } finally {
    for (const daemon of daemons) daemon.signal('SIGKILL')
    for (const daemon of daemons) await daemon.ended()
    rmSync(directory, { recursive: true, force: true })
  }
}

const [, , into] = argv
if (into === undefined) {
  console.error('usage: node test/simulation/record.ts DIRECTORY')
  exit(2)
}
mkdirSync(into, { recursive: true })
await record('join', into, async () => {})
await record('kill', into, async (first, last) => {
  last.signal('SIGKILL')
  await first.said('member-dead', 'n3')
})
await record('freeze', into, async (first, last) => {
  const from = first.lines.length
  last.signal('SIGSTOP')
  await first.said('member-dead', 'n3', from)
  last.signal('SIGCONT')
  await first.said('member-alive', 'n3', from)
})
await record(
  'quorum',
  into,
  async (first, last, second) => {
    const from = first.lines.length
    last.signal('SIGSTOP')
    second.signal('SIGSTOP')
    await first.said('lease-lost', undefined, from)
    last.signal('SIGCONT')
    second.signal('SIGCONT')
    await first.said('lease-gained', undefined, from)
  },
  ['--expected-nodes', '3'],
)

/** What the tests of the executors share: a temp directory, executors with `sh` allowed, and looking at processes. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type ClaimConfig,
  type ExecCommand,
  type ExecutorsConfig,
  executorsDefaults,
  type ModuleConfig,
} from '../../../src/adapters/executors/config.ts'
import { createExecutors, type LocalExecutors } from '../../../src/adapters/executors/executors.ts'
import { asNodeId, asTaskId } from '../../../src/base/ids.ts'
import type { AttemptOrder, LogFields } from '../../../src/node/machine.ts'
import type { Logger } from '../../../src/runtime/ports.ts'
import type { Json, Outcome } from '../../../src/tasks/task.ts'

export const commandOf = (path: string, some: Partial<ExecCommand> = {}): ExecCommand => ({
  path,
  args: [],
  taskArgs: true,
  env: {},
  cwd: undefined,
  ...some,
})

export interface ConfigPatch {
  readonly commands?: Readonly<Record<string, ExecCommand>>
  readonly outputBytesMax?: number
  readonly allow?: readonly string[]
  readonly builtin?: boolean
  readonly claim?: Partial<ClaimConfig>
  readonly modules?: Readonly<Record<string, ModuleConfig>>
}

export const configOf = (patch: ConfigPatch = {}): ExecutorsConfig => ({
  exec: {
    commands: { sh: commandOf('sh', { args: ['-c'] }), cat: commandOf('cat'), ...patch.commands },
    outputBytesMax: patch.outputBytesMax ?? 64 * 1024,
  },
  http: { allow: patch.allow ?? [] },
  claim: { ...executorsDefaults().claim, ...patch.claim },
  modules: patch.modules ?? {},
  builtin: patch.builtin ?? true,
})

export const orderOf = (type: string, payload: Json, some: Partial<AttemptOrder> = {}): AttemptOrder => ({
  task: asTaskId('task-1'),
  key: 'key-1',
  type,
  payload,
  attempt: 1,
  node: asNodeId('node-1'),
  timeoutMs: 20_000,
  token: { value: '7', safe: false },
  ...some,
})

export class LogBook implements Logger {
  readonly lines: { level: string; event: string; fields: LogFields }[] = []

  log(level: string, event: string, fields: LogFields = {}): void {
    this.lines.push({ level, event, fields })
  }

  count(event: string): number {
    return this.lines.filter(line => line.event === event).length
  }
}

export interface Scene {
  readonly directory: string
  readonly executors: LocalExecutors
  readonly log: LogBook
  /** Runs a shell script as an `exec` task; `$1` is the temp directory. */
  sh(script: string, some?: Partial<AttemptOrder>, signal?: AbortSignal, stdin?: Json): Promise<Outcome>
  /** A file's pid, once a script has written it. */
  pidIn(name: string): Promise<number>
}

/** Executors and a temp directory, both gone when the test is over. */
export function scene(t: TestContext, patch: ConfigPatch = {}, withDataDir = false): Scene {
  const directory = mkdtempSync(join(tmpdir(), 'roundtable-executors-'))
  const log = new LogBook()
  const dataDir = withDataDir ? { dataDir: directory } : {}
  const executors = createExecutors({ config: configOf(patch), logger: log, ...dataDir })
  t.after(async () => {
    await executors.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    executors,
    log,
    sh: (script, some = {}, signal = new AbortController().signal, stdin = undefined as never) => {
      const input = stdin === undefined ? {} : { stdin }
      const payload = { command: 'sh', args: [script, 'sh', directory], ...input }
      return executors.execute(orderOf('exec', payload, some), signal)
    },
    pidIn: name => pidIn(join(directory, name)),
  }
}

export const pidIn = (file: string): Promise<number> =>
  until(`${file} holds a pid`, () => {
    const pid = Number(read(file).trim())
    return pid > 1 ? pid : undefined
  })

/** Waits for a condition: polls, as other processes tell nobody. Fails with the claim after 30 s. */
export async function until<T>(claim: string, look: () => T | undefined | false): Promise<T> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const seen = look()
    if (seen !== undefined && seen !== false) return seen
    assert.ok(performance.now() < deadline, `waited in vain until ${claim}`)
    await pause(10)
  }
}

/** A process that runs, or could: a zombie waits for its parent and does nothing any more. */
export function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`)
  return stat !== '' && !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3))
}

/** Living shells that have the text in their script; the host that gave the orders is not one of them. */
export function pidsMentioning(text: string): readonly number[] {
  const pids = readdirSync('/proc')
    .filter(name => /^[0-9]+$/.test(name))
    .map(Number)
  return pids.filter(pid => {
    const line = read(`/proc/${pid}/cmdline`)
    return line.includes('sh\0-c\0') && line.includes(text) && isAlive(pid)
  })
}

export const untilDead = (pid: number): Promise<true> => until(`process ${pid} is dead`, () => !isAlive(pid))

export function rssMb(pid: number): number {
  const kb = /VmRSS:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1]
  return Number(kb) / 1024
}

export function metric(
  executors: LocalExecutors,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const samples = executors.metrics().find(m => m.name === name)?.samples ?? []
  const sample = samples.find(s =>
    Object.entries(labels).every(([label, value]) => s.labels?.[label] === value),
  )
  return sample?.value ?? 0
}

export function failureOf(outcome: Outcome): { code: string; message: string; retryable: boolean } {
  assert.equal(outcome.ok, false, JSON.stringify(outcome))
  return outcome.ok ? assert.fail() : { ...outcome.error, retryable: outcome.retryable }
}

export function resultOf(outcome: Outcome): Record<string, Json> {
  assert.equal(outcome.ok, true, JSON.stringify(outcome))
  return outcome.ok ? (outcome.result as Record<string, Json>) : assert.fail()
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Is any process alive whose pid a file in the directory holds? */
export function directoryHasAlive(directory: string): boolean {
  return readdirSync(directory).some(name => {
    const pid = Number(read(join(directory, name)).trim())
    return pid > 1 && isAlive(pid)
  })
}

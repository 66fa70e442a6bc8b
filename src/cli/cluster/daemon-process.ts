/**
 * One daemon as a child process: from the spawn to the last byte of its log.
 *
 * What it says of itself (JSON lines on standard output) is how the cluster command learns that it listens; asking the
 * port again and again would only find out later. Its standard input is a pipe that nothing is ever written to: it ends
 * when this process ends, however that happens, and then the daemon leaves (`--stop-with-parent`). It runs in a process
 * group of its own, so that Ctrl-C reaches this process alone, which then stops them in order.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CodedError, ERRORS, type ErrorCode, type Problem } from '../../base/errors.ts'

/** Lines of the log kept to be shown when it does not come up. */
const TAIL_LINES = 12

/** A daemon that has not ended so long after SIGTERM gets a second one (stop at once); then, after the same time, SIGKILL. */
const STOP_MS = 3_000

const PROGRAM = fileURLToPath(new URL('../../../bin/roundtable', import.meta.url))

/** What stays the same when a node is started again. */
export interface NodePlan {
  readonly name: string
  readonly dataDir: string
  readonly logFile: string
  readonly configFile: string
  readonly gossip: string
  readonly http: string
}

/** One line of a daemon's log. */
export type DaemonEvent = Readonly<Record<string, unknown>> & { readonly event: string }

const isEvent = (said: Readonly<Record<string, unknown>>): said is DaemonEvent =>
  typeof said['event'] === 'string'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class DaemonProcess {
  readonly plan: NodePlan
  /** Resolves when peers and API can connect; rejects when the daemon ends before. */
  readonly listening: Promise<void>
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #log: WriteStream
  readonly #tail: string[] = []
  readonly #seen = new Set<string>()
  readonly #listeners = new Set<(event: DaemonEvent) => void>()
  #exit: Exit | undefined
  #error: CodedError | undefined
  #listTasks = 0
  #listens = false
  #onListening: () => void = () => undefined

  constructor(plan: NodePlan, seeds: readonly string[]) {
    this.plan = plan
    this.#log = createWriteStream(plan.logFile, { flags: 'a', mode: 0o600 })
    this.#child = spawn(PROGRAM, argumentsOf(plan, seeds), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: environment(),
      detached: true,
    })
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', line => this.#read(line))
    // The pipe breaks when the daemon ends; that it ended is told by `exited`.
    this.#child.stdin?.on('error', () => undefined)
    this.exited = new Promise(resolve => {
      const ended = (exit: Exit) => {
        this.#exit = exit
        this.#log.end()
        resolve(exit)
      }
      this.#child.once('error', error => {
        this.#read(`cannot be started: ${error.message}`)
        ended({ code: null, signal: null })
      })
      // `close`, not `exit`: only then has all of its log been read.
      this.#child.once('close', (code, signal) => ended({ code, signal }))
    })
    this.listening = new Promise((resolve, reject) => {
      this.#onListening = resolve
      void this.exited.then(() => reject(this.failure()))
    })
    this.listening.catch(() => undefined)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get url(): string {
    return `http://${this.plan.http}`
  }

  get running(): boolean {
    return this.#exit === undefined
  }

  get listens(): boolean {
    return this.#listens
  }

  /** Tasks that it said it read from the shared list; known once it listens. */
  get listTasks(): number {
    return this.#listTasks
  }

  /** Why it ended, for the user: its own coded error if it named one, else how it ended and its last words. */
  failure(): CodedError {
    const how =
      this.#exit?.signal ?? (this.#exit?.code == null ? 'no exit code' : `exit code ${this.#exit.code}`)
    if (this.#error !== undefined) {
      const { code, detail, problems } = this.#error
      return new CodedError(code, `${this.plan.name}: ${detail}`, { problems })
    }
    return new CodedError(
      'CLUSTER_NODE_FAILED',
      `${this.plan.name} ended (${how}). Its last words:${this.lastWords}\n `,
    )
  }

  /** Calls back with every line of its log that is an event; @returns ends that. */
  onEvent(listener: (event: DaemonEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Its last lines, for whoever must find out what is wrong. */
  get lastWords(): string {
    return this.#tail.map(line => `\n    ${line}`).join('')
  }

  /** kill -9: the runner finds out by itself and ends what it runs. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** SIGTERM, a second one, SIGKILL; resolves when it is gone. `hurry` goes to SIGKILL at once when aborted. */
  async stop(hurry?: AbortSignal): Promise<void> {
    const kill = () => this.kill()
    const again = setTimeout(() => this.#child.kill('SIGTERM'), STOP_MS)
    const last = setTimeout(kill, 2 * STOP_MS)
    hurry?.addEventListener('abort', kill, { once: true })
    try {
      if (hurry?.aborted) kill()
      else if (this.running) this.#child.kill('SIGTERM')
      await this.exited
    } finally {
      clearTimeout(again)
      clearTimeout(last)
      hurry?.removeEventListener('abort', kill)
    }
  }

  #read(line: string): void {
    this.#log.write(`${line}\n`)
    this.#tail.push(line)
    if (this.#tail.length > TAIL_LINES) this.#tail.shift()
    const said = parsed(line)
    if (said === undefined) return
    if (isErrorDocument(said['error'])) this.#error = codedError(said['error'])
    if (!isEvent(said)) return
    if (said.event === 'task-list-read') this.#listTasks = Number(said['tasks'] ?? 0)
    this.#seen.add(said.event)
    for (const listener of this.#listeners) listener(said)
    if (this.#seen.has('listening') && this.#seen.has('http-listening')) {
      this.#listens = true
      this.#onListening()
    }
  }
}

function argumentsOf(plan: NodePlan, seeds: readonly string[]): string[] {
  return [
    ...['agent', '--json', '--stop-with-parent', '--config', plan.configFile, '--node-id', plan.name],
    ...['--data-dir', plan.dataDir, '--listen', plan.gossip, '--http', plan.http],
    ...seeds.flatMap(seed => ['--seed', seed]),
  ]
}

/** The user's environment without what configures a daemon: a token or a cluster key there is meant for another one. */
function environment(): NodeJS.ProcessEnv {
  const ours = (name: string) => name.startsWith('ROUNDTABLE_') && name !== 'ROUNDTABLE_NODE'
  const foreign = (name: string) => ours(name) || name === 'NODE_ID' || name === 'NODE_LIST'
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name)))
}

function parsed(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    // Cut off by a kill -9: it stays in the log as it came.
    return undefined
  }
}

interface ErrorDocument {
  readonly code: ErrorCode
  readonly detail: string
  readonly problems?: readonly Problem[]
}

const isErrorDocument = (value: unknown): value is ErrorDocument =>
  typeof value === 'object' &&
  value !== null &&
  'code' in value &&
  typeof value.code === 'string' &&
  Object.hasOwn(ERRORS, value.code) &&
  'detail' in value

const codedError = ({ code, detail, problems }: ErrorDocument): CodedError =>
  new CodedError(code, detail, problems === undefined ? {} : { problems })

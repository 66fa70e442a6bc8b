/**
 * The processes that host modules, as the runner has them: one for each attempt that runs, and those that wait for the
 * next one of the same module. See `module-host.ts` for what they are.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { encodeFrame, FrameReader } from './frames.ts'
import type { ModuleOrder } from './messages.ts'
import { asHostReport, type HostOrder, type HostReport } from './module-channel.ts'
import { groupOf, type ProcessGroup, signalGroup } from './process-group.ts'
import { CHANNEL_FD } from './runner-channel.ts'
import { MARK_VARIABLE } from './stray-processes.ts'
import type { StraySweeps } from './stray-sweeps.ts'
import { yieldToDaemon } from './yielding.ts'

const SCRIPT = fileURLToPath(new URL(`./module-host${extname(import.meta.url)}`, import.meta.url))

/** One that has had nothing to do for so long is ended, in ms: its memory is worth more than the 100 ms of a start. */
export const HOST_IDLE_MS = 30_000

/** Who wants to hear of a host: the attempt that has it. */
export interface HostUser {
  heard(report: HostReport): void
  printed(from: 'stdout' | 'stderr', chunk: Buffer): void
  /** It is gone; `how` says so in words. */
  gone(how: string): void
}

export class ModuleHost {
  /** Borne by everything that it starts. */
  readonly mark: string
  /** Why it does not yield the processor to the daemon; undefined when it does. */
  readonly denied: string | undefined
  readonly #child: ChildProcess
  readonly #group: ProcessGroup | undefined
  readonly #reader = new FrameReader()
  #user: HostUser | undefined
  #gone = false
  /** Why it was killed: it broke the protocol, and nothing more is read. */
  #fault: string | undefined

  /** @throws when the process cannot be started at once */
  constructor({ path, memoryMb, env }: ModuleOrder, mark: string) {
    this.mark = mark
    const cache = process.env['NODE_COMPILE_CACHE']
    this.#child = spawn(process.execPath, ['--no-warnings', SCRIPT, path, String(memoryMb)], {
      env: { ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }), ...env, [MARK_VARIABLE]: mark },
      detached: true, // Leads a process group of its own.
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#group = this.#child.pid === undefined ? undefined : groupOf(this.#child.pid)
    this.#follow()
    this.denied = yieldToDaemon(this.#child.pid)
  }

  get group(): ProcessGroup | undefined {
    return this.#group
  }

  get alive(): boolean {
    return this.#group !== undefined && !this.#gone
  }

  /** Who hears of it from now on; nobody, when it is undefined. */
  use(user: HostUser | undefined): void {
    this.#user = user
  }

  send(order: HostOrder): void {
    const channel = this.#channel
    if (channel?.writable) channel.write(encodeFrame(order))
  }

  /** SIGKILL for it and all that stayed in its group. */
  kill(): void {
    if (this.#group !== undefined) signalGroup(this.#group, 'SIGKILL')
  }

  get #channel(): Duplex | undefined {
    return this.#child.stdio[CHANNEL_FD] as Duplex | undefined
  }

  #follow(): void {
    const child = this.#child
    child.stdout?.on('data', (chunk: Buffer) => this.#user?.printed('stdout', chunk))
    child.stderr?.on('data', (chunk: Buffer) => this.#user?.printed('stderr', chunk))
    this.#channel?.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#channel?.on('error', () => this.kill()) // Reset: it is dying, or should.
    child.on('error', error => this.#end(`cannot be started: ${error.message}`))
    // Not `close`: what it left behind may hold its output open, and dies with its group.
    child.on('exit', (code, signal) => {
      this.kill()
      setImmediate(() => this.#end(`ended with ${signal ?? `exit code ${code}`}`))
    })
  }

  /** A module can write to any descriptor of its process. One that writes here ends itself. */
  #receive(chunk: Buffer): void {
    if (this.#fault !== undefined) return
    try {
      for (const message of this.#reader.push(chunk)) {
        const report = asHostReport(message)
        if (report === undefined) throw new Error('a report has the wrong shape')
        this.#user?.heard(report)
      }
    } catch (error) {
      this.#fault = `wrote to the channel of its host: ${(error as Error).message}`
      this.kill()
    }
  }

  #end(how: string): void {
    if (this.#gone) return
    this.#gone = true
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
    this.#channel?.destroy()
    this.#user?.gone(this.#fault ?? how)
  }
}

export class ModuleHosts {
  readonly #mark: string
  readonly #sweeps: StraySweeps
  readonly #idle = new Map<ModuleHost, { readonly kind: string; readonly timer: NodeJS.Timeout }>()
  #numbers = 0

  /** @param mark of the runner, continued by that of each host */
  constructor(mark: string, sweeps: StraySweeps) {
    this.#mark = mark
    this.#sweeps = sweeps
  }

  /** One that waits for such an order, or a new one. */
  take(order: ModuleOrder): ModuleHost {
    const kind = kindOf(order)
    for (const [host, waiting] of this.#idle) {
      if (waiting.kind !== kind || !host.alive) continue
      this.#leave(host)
      return host
    }
    return new ModuleHost(order, `${this.#mark}.m${++this.#numbers}`)
  }

  /** Its attempt has ended by itself: it waits for another. */
  giveBack(host: ModuleHost, order: ModuleOrder): void {
    if (!host.alive) return
    const timer = setTimeout(() => {
      this.#leave(host)
      host.kill()
    }, HOST_IDLE_MS)
    this.#idle.set(host, { kind: kindOf(order), timer })
    host.use({ heard: () => {}, printed: () => {}, gone: () => this.#bury(host) })
  }

  /** Do any that wait still live? */
  get alive(): boolean {
    return [...this.#idle.keys()].some(host => host.alive)
  }

  /** Kills all that wait. For the end of the runner. */
  destroy(): void {
    for (const host of this.#idle.keys()) host.kill()
  }

  /** With it goes what it started, in its group or out of it. */
  #bury(host: ModuleHost): void {
    this.#leave(host)
    void this.#sweeps.sweep(host.mark)
  }

  #leave(host: ModuleHost): void {
    clearTimeout(this.#idle.get(host)?.timer)
    this.#idle.delete(host)
  }
}

/** Two orders of one kind may share a host. */
const kindOf = ({ path, memoryMb, env }: ModuleOrder): string => JSON.stringify([path, memoryMb, env])

/** A daemon in a process of its own, without the command line, and what it logs. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Line {
  readonly event: string
  readonly [field: string]: unknown
}

export class Daemon {
  readonly child: ChildProcess
  readonly lines: Line[] = []
  /** Exit code and signal. */
  readonly exited: Promise<readonly unknown[]>
  #news = Promise.withResolvers<void>()

  /**
   * @param through a program with arguments that becomes the daemon, such as `nsenter`
   * @param more further arguments of the script
   */
  constructor(file: string, through: readonly string[] = [], more: readonly string[] = []) {
    const script = join(import.meta.dirname, 'daemon-process.ts')
    const [program = process.execPath, ...args] = [
      ...through,
      ...[process.execPath, '--disable-warning=ExperimentalWarning', script, file, ...more],
    ]
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.exited = once(this.child, 'exit')
    assert.ok(this.child.stdout)
    createInterface({ input: this.child.stdout }).on('line', line => {
      this.lines.push(JSON.parse(line))
      this.#news.resolve()
      this.#news = Promise.withResolvers()
    })
    void this.exited.then(() => this.#news.resolve())
  }

  /** The first line of this event, there already or to come. Fails when the process ends without it. */
  async said(event: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find(line => line.event === event)
      if (found !== undefined) return found
      assert.ok(this.#alive, `it ended without ${event}: ${JSON.stringify(this.lines.slice(-3))}`)
      await this.#news.promise
    }
  }

  /** Resolves with the next line. Fails when the process has ended. */
  async next(): Promise<void> {
    assert.ok(this.#alive, `it ended: ${JSON.stringify(this.lines.slice(-3))}`)
    await this.#news.promise
  }

  async url(): Promise<string> {
    return String((await this.said('http-listening'))['url'])
  }

  async kill(): Promise<void> {
    if (this.#alive) this.child.kill('SIGKILL')
    await this.exited
  }

  get #alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }
}

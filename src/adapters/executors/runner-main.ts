/**
 * The runner: the small process that owns every command this node executes. The daemon starts it with the first
 * command and talks to it over the socket on `CHANNEL_FD`.
 *
 * Its whole purpose is to outlive the daemon by a few milliseconds. Nobody can kill his children after his own
 * `kill -9`; the runner can, because the kernel closes the daemon's end of the socket and the runner sees it. It keeps
 * no state worth keeping and imports nothing big: a node process of 10 MB of its own, beside the shared text of node.
 *
 * Signals of a terminal or an init system do not stop it, as the daemon may want to drain first. The daemon's orders
 * and the daemon's end do.
 */
import { flushCompileCache } from 'node:module'
import { Socket } from 'node:net'
import { ChildCommand } from './child-command.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import { asRunnerOrder, type RunnerOrder, type RunnerReport } from './messages.ts'
import { CHANNEL_FD } from './runner-channel.ts'
import { killStrays } from './stray-processes.ts'

/** What all commands of this runner bear in their environment. */
const mark = process.argv[2] ?? ''
const running = new Map<number, ChildCommand>()
const reader = new FrameReader()
// Not `process.stdout`: that one blocks on a full pipe, and a frozen daemon would freeze the runner.
const channel = new Socket({ fd: CHANNEL_FD })
let ending = false

function report(message: RunnerReport): void {
  if (message.kind === 'ended') running.delete(message.id)
  if (!ending) channel.write(encodeFrame(message))
}

function obey(order: RunnerOrder): void {
  if (order.kind === 'stop') end(0)
  else if (order.kind === 'kill') running.get(order.id)?.stop('killed')
  else {
    const command = new ChildCommand(order, report)
    running.set(order.id, command)
    command.start()
  }
}

function receive(chunk: Buffer): void {
  for (const message of reader.push(chunk)) {
    const order = asRunnerOrder(message)
    if (order === undefined) throw new Error('the daemon sent something that is no order')
    if (!ending) obey(order)
  }
}

/** Groups first, all at once; then whatever left its group; then this process. */
function end(exitCode: number): void {
  if (ending) return
  ending = true
  for (const command of running.values()) command.destroy()
  void killStrays({ mark }).then(() => process.exit(exitCode))
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  end(70)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
channel.on('data', receive)
channel.on('error', () => end(0)) // Reset or broken pipe: the daemon is gone.
channel.on('close', () => end(0))
// Now, not at exit: this process may be killed. Does nothing when there is no cache (see `runner.ts`).
flushCompileCache()

/**
 * The runner: the small process that owns every command and every module this node executes. The daemon starts it with
 * the first of them and talks to it over the socket on `CHANNEL_FD`.
 *
 * Its purpose is to hold when the daemon does not. Nobody can kill his children after his own `kill -9`; the runner
 * can, because the kernel closes the daemon's end of the socket and the runner sees it. Nobody can keep a deadline
 * while he is frozen; the runner can, because each order says until when its command may live, and it dies by then
 * unless the daemon, awake, says otherwise. Frozen itself together with the daemon, it looks at the clock before it
 * reads what came meanwhile: an extension that waited in the socket saves nothing that is over.
 *
 * It holds a lock of its own on the data directory until every command is dead, so that the next life of this node does
 * not begin while something of this one still acts. It keeps no state worth keeping and imports nothing big: a node
 * process of 10 MB of its own, beside the shared text of node.
 *
 * Signals of a terminal or an init system do not stop it, as the daemon may want to drain first. The daemon's orders
 * and the daemon's end do.
 */
import { flushCompileCache } from 'node:module'
import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { lockDirectory } from '../storage/directory-lock.ts'
import { ChildCommand } from './child-command.ts'
import { DeadlineWatch } from './deadline-watch.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import {
  asRunnerOrder,
  type ModuleOrder,
  type RunnerOrder,
  type RunnerReport,
  type StartOrder,
} from './messages.ts'
import { ModuleAttempt } from './module-attempt.ts'
import { ModuleHosts } from './module-hosts.ts'
import { monotonicMs } from './monotonic-clock.ts'
import type { RunnerAttempt } from './runner-attempt.ts'
import { CHANNEL_FD, RUNNER_LOCK } from './runner-channel.ts'
import { killStrays } from './stray-processes.ts'
import { StraySweeps } from './stray-sweeps.ts'

/** From SIGTERM to the deadline of a command, in ms; a command with less time than this left is not started. */
const STOP_LEAD_MS = 500

/**
 * From SIGKILL to the deadline, in ms: all of it is to be dead 100 ms before, strays included, whose finding takes 20 ms
 * on a machine of a thousand processes.
 */
const KILL_LEAD_MS = 200

/** Looking whether a killed command has gone, every so many ms. */
const GONE_LOOK_MS = 5

/** The mark is what all commands of this runner bear in their environment; the directory is empty when there is none. */
const [mark = '', lockIn = '', daemon = ''] = process.argv.slice(2)
const running = new Map<number, RunnerAttempt>()
const sweeps = new StraySweeps()
const hosts = new ModuleHosts(mark, sweeps)
const cuts = new DeadlineWatch(KILL_LEAD_MS, id => running.get(id)?.cutOff())
const stops = new DeadlineWatch(STOP_LEAD_MS, id => running.get(id)?.stop('fenced'))
const reader = new FrameReader()
let ending = false

function keepDeadlines(): void {
  cuts.look()
  stops.look()
}

function report(message: RunnerReport): void {
  if (message.kind === 'ended' || message.kind === 'module-ended') forget(message.id)
  if (!ending) channel.write(encodeFrame(message))
}

function forget(id: number): void {
  running.delete(id)
  cuts.delete(id)
  stops.delete(id)
}

function obey(order: RunnerOrder): void {
  if (order.kind === 'stop') end(0)
  else if (order.kind === 'kill') running.get(order.id)?.stop('killed')
  else if (order.kind === 'look') running.get(order.id)?.look()
  else if (order.kind === 'extend') for (const id of order.ids) extend(id, order.deadlineMs)
  else start(order)
}

function start(order: StartOrder | ModuleOrder): void {
  const { id, deadlineMs } = order
  const command =
    order.kind === 'start'
      ? new ChildCommand(order, report, sweeps)
      : new ModuleAttempt(order, report, { hosts, sweeps })
  running.set(id, command)
  if (deadlineMs !== null && monotonicMs() >= deadlineMs - STOP_LEAD_MS) {
    command.refuse()
    return
  }
  cuts.add(id, deadlineMs)
  stops.add(id, deadlineMs)
  command.start()
}

/** What has been told to stop for its deadline stops: an extension comes in time or not at all. */
function extend(id: number, deadlineMs: number | null): void {
  if (!stops.extend(id, deadlineMs)) return
  cuts.extend(id, deadlineMs)
  running.get(id)?.extend(deadlineMs)
}

/** The clock comes before every order: starting many commands takes time, and so does being frozen. */
function receive(chunk: Buffer): void {
  keepDeadlines()
  for (const message of reader.push(chunk)) {
    const order = asRunnerOrder(message)
    if (order === undefined) throw new Error('the daemon sent something that is no order')
    if (ending) continue
    keepDeadlines()
    // Orders that wait in the socket outlive who gave them: a dead daemon's keys are acted for elsewhere by now.
    if (process.ppid !== Number(daemon)) end(0)
    else obey(order)
  }
}

/** Groups first, all at once; then whatever left its group; and only when nothing is left, this process and its lock. */
function end(exitCode: number): void {
  if (ending) return
  ending = true
  for (const command of running.values()) command.destroy()
  hosts.destroy()
  void allGone().then(() => process.exit(exitCode))
}

/** Without a limit: as long as something of this life may act, the next one must not begin. */
async function allGone(): Promise<void> {
  await killStrays([mark], Number.POSITIVE_INFINITY)
  while (hosts.alive || [...running.values()].some(command => command.alive)) await pause(GONE_LOOK_MS)
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  end(70)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('SIGCONT', keepDeadlines)
// Not `process.stdout`: that one blocks on a full pipe, and a frozen daemon would freeze the runner.
const channel = new Socket({ fd: CHANNEL_FD })
if (lockIn !== '') lockDirectory(lockIn, RUNNER_LOCK)
channel.on('data', receive)
channel.on('error', () => end(0)) // Reset or broken pipe: the daemon is gone.
channel.on('close', () => end(0))
// Now, not at exit: this process may be killed. Does nothing when there is no cache (see `runner.ts`).
flushCompileCache()

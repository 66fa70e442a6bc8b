/**
 * The process that hosts one module for the runner: it owns the thread that runs it, and holds when that does not.
 *
 * Each such process runs one attempt at a time, so whatever a module does to its thread or to its process, it does to
 * its own attempt and to no other. The thread can be ended while it is busy, loses its heap with it, and its end is not
 * the end of the process, which can say then what happened. What even that does not end the runner kills.
 *
 * Not taken: all modules in one process, a thread each. Memory outside of the heap, a crash in native code, or a call
 * that never returns to JavaScript would take the attempts of all of them. It costs some 40 MB for each at a time.
 */
import { Socket } from 'node:net'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { encodeFrame, FrameReader } from './frames.ts'
import {
  ABORT_GRACE_MS,
  type HostEnd,
  type HostOrder,
  type HostReport,
  MESSAGE_CHARS_MAX,
  type ThreadReport,
} from './module-channel.ts'
import { ModuleFiles } from './module-files.ts'
import { CHANNEL_FD } from './runner-channel.ts'

const THREAD = new URL(`./module-thread${extname(import.meta.url)}`, import.meta.url)

/** Memory outside of the heap is looked at so often, in ms. */
const LOOK_MS = 100

/** What a process with an empty module takes, and some, in bytes: it may have this beside the memory of the module. */
const OWN_BYTES = 128 * 1024 * 1024

/** A thread whose heap is fuller than this after an attempt is not used for another. */
const FULL_SHARE = 0.5

const [path = '', memoryMb = ''] = process.argv.slice(2)
const memoryBytes = Number(memoryMb) * 1024 * 1024

/** One thread, from its start to its end. */
interface Thread {
  readonly worker: Worker
  readonly files: ModuleFiles
  /** It is of no more use. */
  spent: boolean
}

let thread: Thread | undefined
/** Is an attempt under way, and was the module loaded for it? */
let busy: { readonly loaded: boolean; stopped: boolean } | undefined
let grace: NodeJS.Timeout | undefined
let watch: NodeJS.Timeout | undefined
const reader = new FrameReader()
const channel = new Socket({ fd: CHANNEL_FD })

const say = (report: HostReport): void => {
  channel.write(encodeFrame(report))
}

async function run(call: string): Promise<void> {
  if (thread !== undefined && (thread.spent || thread.files.changed)) {
    const old = thread
    thread = undefined
    await old.worker.terminate()
  }
  busy = { loaded: thread === undefined, stopped: false }
  thread ??= newThread()
  watch = setInterval(() => lookAtMemory(), LOOK_MS)
  thread.worker.postMessage({ kind: 'run', call })
}

function newThread(): Thread {
  const worker = new Worker(THREAD, {
    workerData: { path },
    resourceLimits: { maxOldGenerationSizeMb: Number(memoryMb) },
  })
  const made: Thread = { worker, files: new ModuleFiles(), spent: false }
  worker.on('message', (report: ThreadReport) => hear(made, report))
  worker.on('error', (error: Error & { readonly code?: string }) => onError(made, error))
  worker.on('exit', code => onExit(made, code))
  return made
}

function hear(from: Thread, report: ThreadReport): void {
  if (report.kind === 'file') from.files.add(report.path, report.stamp)
  else if (from !== thread || busy === undefined) return
  else if (report.kind === 'progress') say(report)
  else if (report.kind === 'ended') {
    from.spent = report.cause === 'unloadable' || report.heapUsed > FULL_SHARE * memoryBytes
    end(report.cause, report.message, report.result)
  }
}

/** A module may throw anything. */
function onError(from: Thread, error: (Error & { readonly code?: string }) | null | undefined): void {
  if (from !== thread) return
  from.spent = true
  if (error?.code === 'ERR_WORKER_OUT_OF_MEMORY') end('memory', `its heap grew above ${memoryMb} MiB`)
  else end('threw', `uncaught: ${error?.stack ?? String(error)}`)
}

function onExit(from: Thread, code: number): void {
  if (from !== thread) return
  from.spent = true
  end('exited', `the module ended its thread, with exit code ${code}`)
}

/** The limit of the heap does not count buffers, which lie outside of it. */
function lookAtMemory(): void {
  const bytes = process.memoryUsage.rss()
  if (bytes <= memoryBytes + OWN_BYTES || busy === undefined) return
  endThread('memory', `its process grew to ${Math.round(bytes / 1024 / 1024)} MiB`)
}

function abort(): void {
  if (busy === undefined || thread === undefined) return
  busy.stopped = true
  thread.worker.postMessage({ kind: 'abort' })
  grace = setTimeout(() => endThread('stopped', ''), ABORT_GRACE_MS)
}

/** Also one that is busy, unless it waits for the system: then the runner kills this process. */
function endThread(cause: HostEnd['cause'], message: string): void {
  const ending = thread
  if (ending === undefined) return
  ending.spent = true
  thread = undefined
  void ending.worker.terminate().then(() => end(cause, message))
}

/** A turn of the loop later: what the module printed last is in the pipe by then. */
function end(cause: HostEnd['cause'], message: string, result: string | null = null): void {
  if (busy === undefined) return
  const { loaded, stopped } = busy
  busy = undefined
  clearTimeout(grace)
  clearInterval(watch)
  const ended: HostEnd = stopped
    ? { kind: 'ended', cause: 'stopped', result: null, message: '', loaded }
    : { kind: 'ended', cause, result, message: message.slice(0, MESSAGE_CHARS_MAX), loaded }
  setImmediate(() => say(ended))
}

function obey(order: HostOrder): void {
  if (order.kind === 'run') void run(order.call)
  else abort()
}

/** The runner is gone, or speaks nonsense: nobody is left who would stop what runs here. */
const die = (): void => {
  process.kill(process.pid, 'SIGKILL')
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.on('uncaughtException', error => {
  process.stderr.write(`${error.stack}\n`)
  die()
})
channel.on('data', chunk => {
  for (const order of reader.push(chunk as Buffer)) obey(order as HostOrder)
})
channel.on('error', die)
channel.on('close', die)

/**
 * The thread in which a module runs. It loads the module once, runs one attempt at a time, and says how each ended.
 *
 * Standard output and error are written at once and not by way of the main thread, as node would do it: what a module
 * prints before it blocks its thread, or dies, is what one wants to read then.
 */
import { writeSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { progressFault, readProgress } from '../../tasks/progress.ts'
import { MESSAGE_CHARS_MAX, RESULT_BYTES_MAX, type ThreadReport } from './module-channel.ts'
import { stampOf } from './module-files.ts'
import type { ModuleCall, ModuleContext, ModuleRun } from './module-task.ts'
import { ProgressPace } from './progress-pace.ts'

const { path } = workerData as { readonly path: string }
let loaded: Promise<ModuleRun> | undefined
let running: AbortController | undefined

const say = (report: ThreadReport): void => parentPort?.postMessage(report)

writeThrough(process.stdout, 1)
writeThrough(process.stderr, 2)
registerHooks({
  load(url, context, nextLoad) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) {
      const file = fileURLToPath(url)
      say({ kind: 'file', path: file, stamp: stampOf(file) })
    }
    return nextLoad(url, context)
  },
})
parentPort?.on('message', (order: { kind: 'run'; call: string } | { kind: 'abort' }) => {
  if (order.kind === 'abort') running?.abort(new Error('the attempt is stopped'))
  else void run(JSON.parse(order.call) as ModuleCall)
})

async function run({ task, context }: ModuleCall): Promise<void> {
  const pace = new ProgressPace(report => say({ kind: 'progress', report }))
  const end = (
    cause: 'returned' | 'threw' | 'unloadable' | 'result' | 'output',
    message = '',
    result = '',
  ): void => {
    pace.flush()
    running = undefined
    const { heapUsed } = process.memoryUsage()
    say({ kind: 'ended', cause, message, result: cause === 'returned' ? result : null, heapUsed })
  }
  const abort = new AbortController()
  running = abort
  let call: ModuleRun
  try {
    loaded ??= load()
    call = await loaded
  } catch (error) {
    end('unloadable', textOf(error))
    return
  }
  try {
    const value = await call(task, { ...context, signal: abort.signal, progress: said(pace) })
    const result = asJson(value)
    if (result.length > RESULT_BYTES_MAX) end('output', `returned ${result.length} bytes as JSON`)
    else end('returned', '', result)
  } catch (error) {
    end(error instanceof NoJson ? 'result' : 'threw', textOf(error))
  }
}

async function load(): Promise<ModuleRun> {
  const { default: run } = (await import(pathToFileURL(path).href)) as { readonly default?: unknown }
  if (typeof run === 'function') return run as ModuleRun
  throw new Error(
    `${path}: expected a function as the default export, got ${run === undefined ? 'none' : typeof run}`,
  )
}

const said = (pace: ProgressPace): ModuleContext['progress'] => {
  return report => {
    const read = readProgress(report)
    if (!read.ok) throw new TypeError(`progress: ${progressFault(read.problems)}`)
    pace.offer(read.report)
  }
}

class NoJson extends Error {}

/** Nothing returned is null. */
function asJson(value: unknown): string {
  try {
    const text: string | undefined = JSON.stringify(value ?? null)
    if (text !== undefined) return text
  } catch (error) {
    throw new NoJson(`what it returned is no JSON: ${textOf(error)}`)
  }
  throw new NoJson(`what it returned is no JSON but a ${typeof value}`)
}

/** Where it was thrown is what its author looks for. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error)
  return text.slice(0, MESSAGE_CHARS_MAX)
}

/** A full pipe means that the runner stands still; then what is printed is lost, which is better than to wait for it. */
function writeThrough(stream: NodeJS.WriteStream, fd: number): void {
  stream._write = (chunk: Buffer | string, encoding, done) => {
    try {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : chunk
      for (let from = 0; from < bytes.length; ) from += writeSync(fd, bytes, from)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') {
        done(error as Error)
        return
      }
    }
    done()
  }
}

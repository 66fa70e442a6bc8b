import { Worker } from 'node:worker_threads'
import { CodedError, type ErrorCode, type Problem } from '../base/errors.ts'
import type { Config } from '../config/config.ts'
import type { ConfigSources } from '../config/parse.ts'
import { during } from './last-resort.ts'

/** What the thread answers. An error keeps nothing but its fields on the way from one thread to another. */
export type Reading =
  | { readonly ok: true; readonly config: Config }
  | {
      readonly ok: false
      readonly code: ErrorCode
      readonly detail: string
      readonly problems: readonly Problem[]
    }

/** Runs from the sources (.ts) and from the built files (.js). */
const WORKER_FILE = new URL(
  `./reading-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
)

/**
 * `parseConfig` in a thread of its own, for a daemon that runs: YAML is parsed whole, and of a thousand schedules that takes
 * half a second and more, in which the node would stand still and might lose its right to act.
 * Throws as `parseConfig` does, and CONFIG_UNREADABLE when there can be no thread. The configuration is not frozen.
 * @param signal ends the thread, unless that waits for a disk that does not answer
 */
export async function readElsewhere(
  { env, ...sources }: ConfigSources,
  signal?: AbortSignal,
): Promise<Config> {
  const workerData: ConfigSources = env === undefined ? sources : { ...sources, env: { ...env } }
  const answer = Promise.withResolvers<Reading>()
  let worker: Worker | undefined
  const end = (): void => void worker?.terminate()
  try {
    worker = new Worker(WORKER_FILE, { workerData, name: 'reading', env: {}, execArgv: [] })
    worker.unref() // a daemon that stops does not wait for it
    worker.once('message', answer.resolve)
    worker.once('error', cause => answer.reject(unread(cause.message, cause)))
    worker.once('exit', code => answer.reject(unread(`its thread ended with code ${code}`)))
    signal?.addEventListener('abort', end, { once: true })
  } catch (cause) {
    answer.reject(unread(String(cause), cause))
  }
  const what = `the thread that reads the configuration${sources.file === undefined ? '' : ` (${sources.file})`}`
  const reading = await during(what, answer.promise).finally(() => signal?.removeEventListener('abort', end))
  if (reading.ok) return reading.config
  const { code, detail, problems } = reading
  throw new CodedError(code, detail, { problems })
}

const unread = (got: string, cause?: unknown): CodedError =>
  new CodedError(
    'CONFIG_UNREADABLE',
    `expected to read the configuration in a thread of its own, got: ${got}.`,
    {
      cause,
    },
  )

/** The real runner, with the test in the place of the daemon. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { encodeFrame, FrameReader } from '../../../src/adapters/executors/frames.ts'
import {
  asRunnerReport,
  type EndReport,
  type RunnerOrder,
  type StartOrder,
} from '../../../src/adapters/executors/messages.ts'
import { MARK_VARIABLE } from '../../../src/adapters/executors/stray-processes.ts'
import { until } from './scene.ts'

const PROGRAM = fileURLToPath(new URL('../../../src/adapters/executors/runner-main.ts', import.meta.url))

export const orderTo = (
  path: string,
  args: readonly string[] = [],
  some: Partial<StartOrder> = {},
): StartOrder => ({
  kind: 'start',
  id: 1,
  path,
  args,
  env: { PATH: String(process.env['PATH']) },
  cwd: null,
  stdin: null,
  timeoutMs: 60_000,
  outputBytesMax: 1000,
  deadlineMs: null,
  ...some,
})

export interface RawRunner {
  readonly child: ChildProcess
  readonly channel: Duplex
  readonly pid: number
  order(...orders: RunnerOrder[]): void
  /** A shell script with a deadline; it bears a mark by which its strays are found. */
  sh(id: number, script: string, deadlineMs: number | null): StartOrder
  /** How many commands it has said to have started. */
  started(): number
  /** How a command ended, once it has. */
  end(id: number): Promise<EndReport>
}

/** Resolves once the runner obeys, so that no deadline of a test runs while it starts. */
export async function rawRunner(t: TestContext, lockIn = ''): Promise<RawRunner> {
  const mark = randomUUID()
  const child = spawn(process.execPath, ['--no-warnings', PROGRAM, mark, lockIn, String(process.pid)], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const channel = child.stdio[3] as Duplex
  channel.on('error', () => {}) // The runner hangs up while we write: some tests make it.
  const ends = new Map<number, EndReport>()
  const reader = new FrameReader()
  let started = 0
  channel.on('data', (chunk: Buffer) => {
    for (const message of reader.push(chunk)) {
      const report = asRunnerReport(message)
      if (report?.kind === 'started') started++
      if (report?.kind === 'ended') ends.set(report.id, report)
    }
  })
  const runner: RawRunner = {
    child,
    channel,
    pid: Number(child.pid),
    order: (...orders) => {
      for (const order of orders) channel.write(encodeFrame(order))
    },
    sh: (id, script, deadlineMs) => {
      const env = { PATH: String(process.env['PATH']), [MARK_VARIABLE]: `${mark}.${id}` }
      return orderTo('/bin/sh', ['-c', script], { id, env, deadlineMs })
    },
    started: () => started,
    end: id => until(`command ${id} has ended`, () => ends.get(id)),
  }
  runner.order(runner.sh(0, 'true', null))
  await runner.end(0)
  started = 0
  return runner
}

/**
 * Starts a runner, stops it as a machine without a free core would, orders a command that writes to the file named, and
 * dies. Prints the pid of the runner.
 */
import { argv, kill, pid, stdout } from 'node:process'
import { AttemptDesk } from '../../../src/adapters/executors/attempt-desk.ts'
import { monotonicMs } from '../../../src/adapters/executors/monotonic-clock.ts'
import { RunnerProcess } from '../../../src/adapters/executors/runner-process.ts'
import { asTaskId } from '../../../src/base/ids.ts'

const [file = '', mark = ''] = argv.slice(2)
const runner = new RunnerProcess({ mark, lockIn: undefined, logger: { log: () => {} }, env: {} })
const desk = new AttemptDesk(asTaskId('acted'), 1)
const order = (script: string) => ({
  ...{
    kind: 'start' as const,
    id: 1,
    path: '/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin' },
    cwd: null,
  },
  ...{
    stdin: null,
    timeoutMs: 10_000,
    outputBytesMax: 1_000,
    deadlineMs: Math.floor(monotonicMs() + 60_000),
  },
})
await runner.run(order('true'), desk)
const child = Number(runner.pid)
kill(child, 'SIGSTOP')
void runner.run(order(`echo acted >> ${file}`), desk)
stdout.write(`${child}\n`)
// Both are written by the end of this turn of the loop.
setImmediate(() => kill(pid, 'SIGKILL'))

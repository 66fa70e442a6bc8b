/** A process to stop, signal, or leave without a reader: `system-process.ts clock|flood|last|crash|signals|bounce`. */
import { createClock } from '../../../src/adapters/system/clock.ts'
import { createLogger } from '../../../src/adapters/system/logger.ts'
import { onTermination } from '../../../src/adapters/system/signals.ts'

const say = (text: string): boolean => process.stdout.write(`${text}\n`)
const stayAlive = (): NodeJS.Timeout => setInterval(() => {}, 60_000)

/** Says its monotonic clock whenever it is asked. */
function clock(): void {
  const here = createClock()
  process.stdin.on('data', () => say(String(here.now().mono)))
  say('ready')
}

/** Logs for a while whatever becomes of its reader, and says on stderr that it was never held up. */
function flood(): void {
  const logger = createLogger({ level: 'info', nodeId: 'n1' })
  let turns = 0
  let worstMs = 0
  let last = performance.now()
  const timer = setInterval(() => {
    for (let i = 0; i < 20; i++) logger.log('info', 'flood', { turns, text: 'x'.repeat(2000) })
    const now = performance.now()
    worstMs = Math.max(worstMs, now - last)
    last = now
    if (++turns < 200) return
    clearInterval(timer)
    process.stderr.write(JSON.stringify({ turns, worstMs, dropped: logger.dropped }))
  }, 1)
}

/** Logs many lines and exits in the same turn. */
function last(): void {
  const logger = createLogger({ level: 'info', nodeId: 'n1' })
  for (let i = 0; i < 2000; i++) logger.log('info', 'line', { i, text: 'x'.repeat(200) })
  process.exit(0)
}

/** Logs a line and dies of an exception in the same turn. */
function crash(): void {
  createLogger({ level: 'info', nodeId: 'n1' }).log('error', 'last-words')
  throw new Error('crashed on purpose')
}

/** Says every signal it gets. */
function signals(): void {
  const logger = createLogger({ level: 'info', nodeId: 'n1' })
  onTermination({
    first: signal => logger.log('info', 'first', { signal }),
    second: signal => logger.log('info', 'second', { signal }),
    hangup: () => logger.log('info', 'hangup'),
  })
  stayAlive()
  logger.log('info', 'ready')
}

/** Gets one Ctrl-C twice, then a SIGTERM. */
function bounce(): void {
  const [signal, other] =
    process.argv[3] === 'SIGTERM' ? (['SIGTERM', 'SIGINT'] as const) : (['SIGINT', 'SIGTERM'] as const)
  onTermination({ first: said => say(said) })
  process.emit(signal, signal)
  process.emit(signal, signal)
  say('alive')
  process.emit(other, other)
}

const actions: Readonly<Record<string, () => void>> = { clock, flood, last, crash, signals, bounce }
const run = actions[process.argv[2] ?? '']
if (run === undefined) throw new Error('usage: system-process.ts clock|flood|last|crash|signals|bounce')
run()

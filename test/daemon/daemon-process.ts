/**
 * A process that is nothing but a daemon: `daemon-process.ts CONFIG-FILE [throw|reject]`. Says when it calls and when that
 * returns. SIGUSR2 makes an error in the second way, that nobody catches.
 */
import { parseConfig } from '../../src/config/parse.ts'
import { runDaemon } from '../../src/daemon/daemon.ts'
import { readElsewhere } from '../../src/daemon/reading.ts'

const say = (event: string): boolean => process.stdout.write(`${JSON.stringify({ event })}\n`)
const [file = '', way] = process.argv.slice(2)
process.on('SIGUSR2', () => {
  setImmediate(() => say('went-on'))
  const error = new RangeError('made by the test', { cause: new Error('the reason') })
  if (way === 'throw') throw error
  void Promise.reject(error)
})
const running = runDaemon(parseConfig({ file }), {
  ownProcess: true,
  reload: { read: signal => readElsewhere({ file }, signal), file },
})
say('called')
process.exitCode = await running
say('returned')

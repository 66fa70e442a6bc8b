/** A process that is nothing but a daemon: `daemon-process.ts CONFIG-FILE`. Says when it calls and when that returns. */
import { parseConfig } from '../../src/config/parse.ts'
import { runDaemon } from '../../src/daemon/daemon.ts'

const say = (event: string): boolean => process.stdout.write(`${JSON.stringify({ event })}\n`)
const [file = ''] = process.argv.slice(2)
const read = () => parseConfig({ file })
const running = runDaemon(read(), { reload: { read, file } })
say('called')
process.exitCode = await running
say('returned')

/**
 * `GET /v1/owner/KEY` of a real daemon, beside a bare `node:http` server that answers a constant, in one run.
 *
 *   node test/bench/owner.ts [--seconds=5] [--connections=8] [--json]
 *
 * The load comes from this process, so on two cores both ends compete for nothing.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { load } from './load.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    connections: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
})
const options = { seconds: Number(values.seconds), connections: Number(values.connections) }
const keyPath = (request: number) => `/v1/owner/image%2Flayer-${request % 10_000}`

/** Starts a process, waits for the line that names its port, and hands both over; kills it at the end. */
async function withServer<T>(
  command: readonly string[],
  portOf: (line: string) => number | undefined,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise<void>(resolve => child.once('exit', () => resolve()))
  try {
    const lines = createInterface({ input: child.stdout })
    const port = await new Promise<number>((resolve, reject) => {
      lines.on('line', line => {
        const found = portOf(line)
        if (found !== undefined) resolve(found)
      })
      child.once('error', reject)
      child.once('exit', code => reject(new Error(`${file} ended with ${code} before it listened`)))
    })
    return await use(port)
  } finally {
    child.kill('SIGKILL')
    await exited
  }
}

const bare = `
  const answer = JSON.stringify({ key: 'image/layer-1', owner: 'node-1', mine: true, addresses: [], ringChecksum: '' })
  require('node:http').createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
    response.end(answer)
  }).listen(0, '127.0.0.1', function () { console.log('port ' + this.address().port) })`

async function measure(port: number) {
  await load(port, keyPath, { ...options, seconds: 1 })
  return load(port, keyPath, options)
}

const directory = await mkdtemp(join(tmpdir(), 'owner-bench-'))
try {
  const peer = await withServer(
    [process.execPath, '-e', bare],
    line => (line.startsWith('port ') ? Number(line.slice(5)) : undefined),
    measure,
  )
  const agent = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))
  const flags = [
    '--node-id',
    'bench',
    '--cluster',
    'bench',
    '--listen',
    '127.0.0.1:0',
    '--http',
    '127.0.0.1:0',
  ]
  const ours = await withServer(
    [agent, 'agent', ...flags, '--data-dir', join(directory, 'node')],
    line => {
      const entry = JSON.parse(line) as { event?: string; url?: string }
      return entry.event === 'http-listening' && entry.url ? Number(new URL(entry.url).port) : undefined
    },
    measure,
  )
  if (values.json) console.log(JSON.stringify({ ours, peer, ratio: ours.perSecond / peer.perSecond }))
  else {
    console.log(
      `| GET /v1/owner/KEY, ${options.connections} connections | ours | bare node:http | ratio |\n|---|---|---|---|`,
    )
    const row = (name: string, a: number, b: number, ratio: number, digits: number) =>
      console.log(`| ${name} | ${a.toFixed(digits)} | ${b.toFixed(digits)} | ${ratio.toFixed(2)} |`)
    row('requests per second', ours.perSecond, peer.perSecond, ours.perSecond / peer.perSecond, 0)
    row('p50 (ms)', ours.p50Ms, peer.p50Ms, peer.p50Ms / ours.p50Ms, 2)
    row('p99 (ms)', ours.p99Ms, peer.p99Ms, peer.p99Ms / ours.p99Ms, 2)
    row('worst (ms)', ours.worstMs, peer.worstMs, peer.worstMs / ours.worstMs, 2)
    console.log(`answers other than 200: ours ${ours.failed}, bare ${peer.failed}`)
  }
  if (ours.failed > 0) process.exitCode = 1
} finally {
  await rm(directory, { recursive: true, force: true })
}

/** What tests of the command line stand on: a terminal that remembers, and an HTTP server that gives recorded answers. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { runProgram } from '../../src/cli/program.ts'
import type { Output, Terminal } from '../../src/cli/terminal.ts'

export interface Remembered extends Output {
  readonly text: string
}

export function remember(
  options: { isTerminal?: boolean; colours?: boolean; columns?: number } = {},
): Remembered {
  let text = ''
  return {
    write: more => {
      text += more
    },
    isTerminal: options.isTerminal ?? false,
    colours: options.colours ?? false,
    columns: options.columns ?? 100,
    closed: false,
    get text() {
      return text
    },
  }
}

export interface Outcome {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs one command line in this process. */
export async function runHere(
  argv: readonly string[],
  options: {
    env?: Terminal['env']
    input?: string | Uint8Array
    out?: Remembered
    interrupted?: AbortSignal
  } = {},
): Promise<Outcome> {
  const out = options.out ?? remember()
  const err = remember()
  const code = await runProgram(argv, {
    out,
    err,
    env: options.env ?? {},
    readInput: async () => (options.input === undefined ? undefined : Buffer.from(options.input)),
    openInput: () => (options.input === undefined ? undefined : Readable.from([Buffer.from(options.input)])),
    interrupted: options.interrupted ?? new AbortController().signal,
    killed: new AbortController().signal,
  })
  return { code, out: out.text, err: err.text }
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

export interface Reply {
  readonly status?: number
  readonly body: unknown
  readonly type?: string
}

/**
 * Answers by `METHOD /path` (query included, `waitMs=*` for any wait); anything it has no answer for is 404 and fails the
 * test that asked.
 */
export async function recordedDaemon(replies: Readonly<Record<string, Reply | readonly Reply[]>>) {
  const requests: Request[] = []
  const counts = new Map<string, number>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const name = `${request.method} ${request.url}`
    requests.push({
      method: request.method ?? '',
      path: request.url ?? '',
      body: Buffer.concat(chunks).toString('utf8'),
      headers: request.headers,
    })
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    const recorded = replies[name] ?? replies[name.replace(/waitMs=\d+/, 'waitMs=*')]
    const reply = Array.isArray(recorded) ? recorded[Math.min(count, recorded.length - 1)] : recorded
    const {
      status = 200,
      body,
      type = 'application/json',
    } = (reply as Reply | undefined) ?? { status: 404, body: {} }
    response.writeHead(status, { 'content-type': type })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise<void>(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

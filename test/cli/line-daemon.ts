/** A daemon for tests that takes tasks line by line. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'

interface Sent {
  readonly id: string
  readonly [field: string]: unknown
}

/** A daemon that takes tasks line by line and answers as it is told. */
export async function lineDaemon(answer: (task: Sent, line: number, round: number) => object | 'break') {
  const rounds: Sent[][] = []
  const first = Promise.withResolvers<void>()
  let open = 0
  let idle = Promise.withResolvers<void>()
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const seen: Sent[] = []
    rounds.push(seen)
    first.resolve()
    open++
    response.once('close', () => {
      open--
      if (open === 0) idle.resolve()
    })
    response.writeHead(207, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    const answering = answerLines(request, response, seen, (task, line) => answer(task, line, rounds.length))
    const broken = await answering.catch(error => {
      // A client may go in the middle of what it sends.
      if (error.code === 'ECONNRESET') return true
      throw error
    })
    if (!broken) response.end('{"summary":{}}\n')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    rounds,
    /** A request has come. */
    first: first.promise,
    /** Ends when no request is open. */
    idle: async () => {
      if (open > 0) idle = Promise.withResolvers<void>()
      else idle.resolve()
      await idle.promise
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>(resolve => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** True when the connection was broken off. */
async function answerLines(
  request: IncomingMessage,
  response: ServerResponse,
  seen: Sent[],
  answer: (task: Sent, line: number) => object | 'break',
): Promise<boolean> {
  const lines = createInterface({ input: request })
  for await (const text of lines) {
    const task = JSON.parse(text)
    seen.push(task)
    const said = answer(task, seen.length)
    if (said === 'break') {
      // The rest of the body does not come, which is an error to whoever reads it.
      lines.on('error', () => undefined)
      request.socket.destroy()
      return true
    }
    response.write(`${JSON.stringify({ line: seen.length, id: task.id, ...said })}\n`)
  }
  return false
}

export const TAKEN = { code: 'ACCEPTED', stored: 'yes', state: 'ready', durableCopies: 1 }

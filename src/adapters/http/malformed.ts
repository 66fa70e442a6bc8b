/** Answers on a socket from which no request could be read: bad bytes, headers without end, a request that never comes. */
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Failure } from '../../base/errors.ts'
import type { Logger } from '../../runtime/ports.ts'
import type { HttpCounters } from './counters.ts'
import type { HttpLimits } from './limits.ts'
import { isLines } from './lines.ts'
import { rawProblem } from './problem.ts'

/** How long the other end may take to read the answer, in ms, before the socket is destroyed. */
const LINGER_MS = 1_000

export interface SocketError extends Error {
  readonly code?: string
}

export function onMalformed(parts: { counters: HttpCounters; limits: HttpLimits; logger: Logger }) {
  return (error: SocketError, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable || isUnderWay(socket)) {
      socket.destroy()
      return
    }
    const failure = failureOfSocket(error, parts.limits)
    parts.counters.error(failure.code)
    const remote = socket.remoteAddress ?? 'unknown'
    if (parts.counters.firstFrom(remote)) {
      parts.logger.log('warn', 'http-malformed', {
        remote,
        code: failure.code,
        cause: error.code ?? error.name,
      })
    }
    socket.end(rawProblem(failure))
    socket.setTimeout(LINGER_MS, () => socket.destroy())
    socket.once('finish', () => socket.destroySoon())
  }
}

/**
 * Is something under way on this socket of which nobody can say any more that it changed nothing? A request that is all there,
 * with bad bytes behind it; or tasks line by line, of which the first may be stored. What is said here would pass for the
 * answer to that, so nothing is said. Nor is it while an answer is being sent: a second head would only garble it.
 */
function isUnderWay(socket: Socket): boolean {
  const message: unknown = Reflect.get(socket, '_httpMessage')
  if (!(message instanceof ServerResponse)) return false
  const { headersSent, req } = message
  return headersSent || req.complete || isLines(req.headers['content-type'])
}

function failureOfSocket(error: SocketError, limits: HttpLimits): Failure {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    return {
      code: 'HEADERS_TOO_LARGE',
      detail: `Expected at most ${limits.headerBytesMax} bytes of headers, got more.`,
    }
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = `Expected the headers within ${limits.headersMs} ms and all of the request within ${limits.requestMs} ms.`
    return { code: 'REQUEST_TIMEOUT', detail }
  }
  return {
    code: 'BAD_REQUEST',
    detail: `Expected HTTP/1.1, got bytes that are not (${error.code ?? error.name}).`,
  }
}

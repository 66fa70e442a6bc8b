import type { IncomingMessage, Server } from 'node:http'

/**
 * Ends a request whose body does not arrive in time. Node.js has one limit for the bodies of all requests, and it must let
 * through those that bring tasks line by line for as long as there are lines.
 */
export function limitBodyTime(request: IncomingMessage, ms: number, server: Server): void {
  const { headers } = request
  if (headers['transfer-encoding'] === undefined && !(Number(headers['content-length']) > 0)) return
  const timer = setTimeout(() => {
    if (request.complete || request.destroyed) return
    // What Node.js itself does with one that is late, so that it is answered and counted in the same place.
    const late = Object.assign(new Error('the body is late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
    server.emit('clientError', late, request.socket)
  }, ms)
  timer.unref()
  for (const event of ['end', 'close'] as const) request.once(event, () => clearTimeout(timer))
}

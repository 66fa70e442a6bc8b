import { isIPv6 } from 'node:net'

/** What the daemon listens on unless told; of a port that it takes freely nobody knows here. */
const HOST = '127.0.0.1'
const PORT = '7373'

/** Which address of this machine reaches one that listens on all of them. */
const LOCAL: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/**
 * Where the daemon answers: by ROUNDTABLE_URL, else where the variables of its own configuration make it listen. In a container
 * both see the same ones, and its health check must not ask where nobody listens.
 */
export function daemonUrl(env: Readonly<Record<string, string | undefined>>): string {
  const url = env['ROUNDTABLE_URL']
  if (url) return url
  const listens = env['ROUNDTABLE_HTTP_HOST'] || HOST
  const host = LOCAL[listens] ?? listens
  const port = env['ROUNDTABLE_HTTP_PORT'] || PORT
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port === '0' ? PORT : port}`
}

/** A load generator for one local HTTP server: connections that each ask again as soon as they were answered. */
import { connect } from 'node:net'
import { performance } from 'node:perf_hooks'

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly worstMs: number
  /** Answers other than 200. */
  readonly failed: number
}

/**
 * Asks `GET path(i)` for `seconds` over `connections` kept-alive connections.
 * @throws when a connection breaks
 */
export async function load(
  port: number,
  path: (request: number) => string,
  { connections = 8, seconds = 5 }: { connections?: number; seconds?: number } = {},
): Promise<LoadResult> {
  const latencies: number[] = []
  let failed = 0
  let numbers = 0
  const startedAt = performance.now()
  const endAt = startedAt + seconds * 1_000
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      let sentAt = 0
      let answer = ''
      const ask = () => {
        sentAt = performance.now()
        socket.write(`GET ${path(numbers++)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
      }
      socket.setNoDelay(true)
      socket.on('error', reject)
      socket.on('connect', ask)
      socket.on('close', () => reject(new Error('the server closed the connection')))
      socket.on('data', chunk => {
        answer += chunk
        if (!isWhole(answer)) return
        if (!answer.startsWith('HTTP/1.1 200')) failed++
        answer = ''
        const now = performance.now()
        latencies.push(now - sentAt)
        if (now < endAt) return ask()
        socket.removeAllListeners('close')
        socket.destroy()
        resolve()
      })
    })
  await Promise.all(Array.from({ length: connections }, one))
  const took = (performance.now() - startedAt) / 1_000
  latencies.sort((a, b) => a - b)
  const quantile = (q: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * q))] ?? Number.NaN
  return {
    requests: latencies.length,
    seconds: took,
    perSecond: latencies.length / took,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    worstMs: latencies.at(-1) ?? Number.NaN,
    failed,
  }
}

function isWhole(answer: string): boolean {
  const headEnd = answer.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const length = /content-length: (\d+)/i.exec(answer.slice(0, headEnd))?.[1]
  if (length === undefined) throw new Error(`an answer without a length: ${answer.slice(0, headEnd)}`)
  return answer.length - headEnd - 4 >= Number(length)
}

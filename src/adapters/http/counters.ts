import type { ErrorCode } from '../../base/errors.ts'
import type { Metric } from '../../node/status.ts'

/** Remote addresses whose malformed requests were logged once already. */
const REMOTES_LOGGED_MAX = 256

/** What the HTTP room counts of itself. */
export class HttpCounters {
  requests = 0
  /** Connections open now. */
  connections = 0
  /** Connections closed because there were too many. */
  dropped = 0
  /** Requests that wait for another node now. */
  waiting = 0
  readonly #errors = new Map<ErrorCode, number>()
  readonly #logged = new Set<string>()

  error(code: ErrorCode): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
  }

  /** True once for each remote address, until there have been too many of them. */
  firstFrom(remote: string): boolean {
    if (this.#logged.has(remote) || this.#logged.size >= REMOTES_LOGGED_MAX) return false
    this.#logged.add(remote)
    return true
  }

  metrics(): readonly Metric[] {
    const errors = [...this.#errors].map(([code, value]) => ({ labels: { code }, value }))
    return [
      single('http_requests_total', 'counter', 'Requests received.', this.requests),
      single('http_connections', 'gauge', 'Connections open now.', this.connections),
      single(
        'http_connections_dropped_total',
        'counter',
        'Connections closed because there were too many.',
        this.dropped,
      ),
      single('http_waiting', 'gauge', 'Requests that wait for another node now.', this.waiting),
      {
        name: 'http_errors_total',
        type: 'counter',
        help: 'Requests answered with an error, by code.',
        samples: errors,
      },
    ]
  }
}

function single(name: string, type: Metric['type'], help: string, value: number): Metric {
  return { name, type, help, samples: [{ value }] }
}

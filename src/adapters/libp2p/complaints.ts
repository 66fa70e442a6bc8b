/** Says once per peer what that peer sends wrong. The rest is only counted: a broken peer must not fill the disk. */
import type { Logger } from '../../runtime/ports.ts'
import { PEERS_LOGGED_MAX } from './limits.ts'

export class Complaints {
  readonly #logger: Logger
  readonly #said = new Set<string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  once(event: string, peer: string, detail: string): void {
    const key = `${event} ${peer}`
    if (this.#said.has(key) || this.#said.size >= PEERS_LOGGED_MAX) return
    this.#said.add(key)
    this.#logger.log('warn', event, { peer, detail })
  }
}

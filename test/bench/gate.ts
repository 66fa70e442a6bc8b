/**
 * An application beside the daemons whose answer is held back until it is let go: a task that asks it occupies one place
 * of its node for so long. So a node can be kept from starting anything, and its queue grows, while it works as ever.
 */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export class Gate {
  readonly #server: Server
  readonly #held = new Set<ServerResponse>()
  /** When each request came, CLOCK_MONOTONIC in ms, by task. */
  readonly arrived = new Map<string, number>()
  #open = true

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<Gate> {
    const gate: Gate = new Gate(
      createServer((request, response) => {
        const task = decodeURIComponent(String(request.headers['roundtable-task-id'] ?? ''))
        gate.arrived.set(task, Number(process.hrtime.bigint()) / 1e6)
        request.resume()
        if (gate.#open) return void response.writeHead(200).end()
        gate.#held.add(response)
        response.once('close', () => gate.#held.delete(response))
      }),
    )
    gate.#server.listen(0, '127.0.0.1')
    await once(gate.#server, 'listening')
    return gate
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** Requests that wait. */
  get held(): number {
    return this.#held.size
  }

  shut(): void {
    this.#open = false
  }

  /** Answers all that wait, and from now on everything at once. */
  open(): void {
    this.#open = true
    for (const response of this.#held) response.writeHead(200).end()
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

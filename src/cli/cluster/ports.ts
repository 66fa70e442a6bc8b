import { createServer, type Server } from 'node:net'
import { CodedError } from '../../base/errors.ts'

/**
 * Where to look: below the ports that Linux (from 32768) and macOS (from 49152) hand to outgoing connections. A port that
 * the system chose itself could be taken by a peer's dial in the seconds until its daemon listens on it.
 */
const FROM = 20_000
const TO = 32_000

/** So many TCP ports of 127.0.0.1 that nobody listens on at this moment. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held: Server[] = []
  const ports: number[] = []
  const start = FROM + Math.floor(Math.random() * (TO - FROM))
  try {
    for (let step = 0; ports.length < count && step < TO - FROM; step++) {
      const port = FROM + ((start - FROM + step) % (TO - FROM))
      const server = await listenOn(port)
      if (server === undefined) continue
      held.push(server)
      ports.push(port)
    }
  } finally {
    await Promise.all(held.map(server => new Promise(closed => server.close(closed))))
  }
  if (ports.length === count) return ports
  const detail = `127.0.0.1: expected ${count} free ports between ${FROM} and ${TO}, found ${ports.length}.`
  throw new CodedError('ADDRESS_IN_USE', detail)
}

/** @returns `undefined` when the port is taken or forbidden */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}

/** Where this node listens, and what it tells others to dial. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { CodedError } from '../../base/errors.ts'
import { formatHostPort, toMultiaddr } from './addresses.ts'
import type { TransportConfig } from './config.ts'
import { outwardInterface } from './default-route.ts'
import type { Host } from './host.ts'

/** Listens and resolves with the addresses for others. Throws ADDRESS_IN_USE or ADDRESS_UNUSABLE. */
export async function startListening(host: Host, config: TransportConfig): Promise<readonly string[]> {
  const where = formatHostPort(config.host, config.port)
  const ip = await toIp(config.host, where)
  const port = await listen(host, ip, config.port, where)
  if (config.advertise.length > 0) return config.advertise.map(text => withPort(text, port))
  return reachable(ip, await outwardInterface()).map(address => formatHostPort(address, port))
}

async function listen(host: Host, ip: string, port: number, where: string): Promise<number> {
  try {
    const [bound] = await host.listen(toMultiaddr(ip, port))
    const found = bound?.getComponents().find(part => part.name === 'tcp')?.value
    return Number(found ?? port)
  } catch (error) {
    // libp2p gathers the errors of all addresses into one text; Node's code is in it.
    const text = error instanceof Error ? error.message : String(error)
    const code = /\blisten (E[A-Z]+)\b/.exec(text)?.[1] ?? 'an error'
    if (code === 'EADDRINUSE') {
      throw new CodedError('ADDRESS_IN_USE', `Expected ${where} to be free, got ${code}.`, { cause: error })
    }
    throw unusable(where, code, error)
  }
}

async function toIp(name: string, where: string): Promise<string> {
  if (isIP(name) !== 0) return name
  try {
    return (await lookup(name, { order: 'ipv4first' })).address
  } catch (error) {
    throw unusable(where, error instanceof Error ? error.message : String(error), error)
  }
}

function unusable(where: string, got: string, cause: unknown): CodedError {
  const detail = `Expected to listen on ${where}, got ${got}. Is it an address of this machine, and the port above 1023?`
  return new CodedError('ADDRESS_UNUSABLE', detail, { cause })
}

/**
 * All addresses of this machine, when it listens on all; loopback only when there is no other. Those of the interface
 * that leads outward come first: others dial in this order, and wait for what leads nowhere, such as Docker's bridge.
 */
function reachable(ip: string, outward: string | undefined): readonly string[] {
  const family = ip === '0.0.0.0' ? 'IPv4' : ip === '::' ? 'IPv6' : undefined
  if (family === undefined) return [ip]
  const found = Object.entries(networkInterfaces())
    .sort(([a], [b]) => Number(b === outward) - Number(a === outward))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(address => !address.internal && address.family === family && !address.address.startsWith('fe80:'))
    .map(({ address }) => address)
  return found.length > 0 ? found : [family === 'IPv4' ? '127.0.0.1' : '::1']
}

/** `advertise` may leave the port open (`host:0`), for when the port is chosen at start. */
function withPort(text: string, port: number): string {
  return text.replace(/:0$/, `:${port}`)
}

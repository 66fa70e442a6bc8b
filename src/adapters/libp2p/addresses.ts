/** The texts that name a place to dial or to listen on, taken apart. Nothing here asks a name server. */
import { isIP } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'

export type Target =
  | { readonly kind: 'host'; readonly host: string; readonly port: number; readonly peer?: string }
  | { readonly kind: 'srv'; readonly name: string }
  | { readonly kind: 'invalid'; readonly detail: string }

const SRV_PREFIX = 'dns+srv:'
const NAME_PATTERN = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_.])?$/

/** Takes `host:port`, `[v6]:port`, `dns+srv:name` and multiaddr text (`/ip4/…/tcp/…[/p2p/…]`, also `dns`, `dns4`, `dns6`). */
export function parseTarget(text: string): Target {
  if (text.startsWith('/')) return parseMultiaddr(text)
  if (text.startsWith(SRV_PREFIX)) return parseSrv(text.slice(SRV_PREFIX.length))
  return parseHostPort(text)
}

export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** @param host an IP address */
export function toMultiaddr(host: string, port: number) {
  return multiaddr(`/${isIP(host) === 6 ? 'ip6' : 'ip4'}/${host}/tcp/${port}`)
}

function parseHostPort(text: string): Target {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text)
  if (match === null) return invalid(text, 'host:port')
  const [, v6, plain, digits] = match
  const port = Number(digits)
  if (port < 1 || port > 65_535) return invalid(text, 'a port from 1 to 65535')
  const host = v6 ?? plain ?? ''
  const fits = v6 === undefined ? isIP(host) === 4 || NAME_PATTERN.test(host) : isIP(host) === 6
  return fits
    ? { kind: 'host', host, port }
    : invalid(text, 'a host name, an IPv4 or a [bracketed] IPv6 address')
}

function parseSrv(name: string): Target {
  return NAME_PATTERN.test(name) ? { kind: 'srv', name } : invalid(SRV_PREFIX + name, 'dns+srv:name')
}

const HOST_PROTOCOLS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

function parseMultiaddr(text: string): Target {
  const wanted = '/ip4, /ip6 or /dns with /tcp and perhaps /p2p'
  try {
    const [host, tcp, p2p, ...more] = multiaddr(text).getComponents()
    if (host?.value === undefined || tcp?.value === undefined || more.length > 0) return invalid(text, wanted)
    if (!HOST_PROTOCOLS.has(host.name) || tcp.name !== 'tcp') return invalid(text, wanted)
    if (p2p !== undefined && (p2p.name !== 'p2p' || p2p.value === undefined)) return invalid(text, wanted)
    const place = { kind: 'host', host: host.value, port: Number(tcp.value) } as const
    return p2p?.value === undefined ? place : { ...place, peer: p2p.value }
  } catch {
    return invalid(text, wanted)
  }
}

function invalid(text: string, expected: string): Target {
  return { kind: 'invalid', detail: `expected ${expected}, got ${JSON.stringify(text.slice(0, 300))}` }
}

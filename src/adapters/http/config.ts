import { BlockList, isIP } from 'node:net'

/** The local API. */
export interface HttpConfig {
  /** Any other than a loopback address needs `writeToken` (and, for reads, `readToken` or `writeToken`). */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly readToken: string | undefined
  readonly writeToken: string | undefined
  /** Bodies above this are answered with BODY_TOO_LARGE. */
  readonly bodyBytesMax: number
}

export const httpDefaults = (): HttpConfig => ({
  host: '127.0.0.1',
  port: 7373,
  readToken: undefined,
  writeToken: undefined,
  bodyBytesMax: 1024 * 1024,
})

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Is this host (a name, or an address with or without brackets) reachable from this machine only? */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  if (bare.toLowerCase() === 'localhost') return true
  const version = isIP(bare)
  return version !== 0 && loopback.check(bare, version === 6 ? 'ipv6' : 'ipv4')
}

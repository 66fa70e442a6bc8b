/** What a seed and an advertised address look like in text. */
import { isIP, isIPv6 } from 'node:net'

/** Name labels of letters, digits, hyphens and underscores (which Docker and SRV names use), 253 characters at most. */
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/

/** An IP address or a name that DNS could know. All-digit dotted text that is no address is a typing mistake. */
export function isHost(text: string): boolean {
  return isIP(text) !== 0 || (HOST_NAME.test(text) && !/^[\d.]+$/.test(text))
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535
}

/** `host:port`, `[IPv6]:port`. */
export function isAddress(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text)
  if (match === null || !isPort(match[3] ?? '')) return false
  return match[1] === undefined ? isHost(match[2] ?? '') : isIPv6(match[1])
}

/** `host:port`, `dns+srv:name`, or a bare host or IPv6 address, which stands for the gossip port. */
export function isSeed(text: string): boolean {
  if (text.startsWith('dns+srv:')) return HOST_NAME.test(text.slice('dns+srv:'.length))
  return isAddress(text) || isHost(text)
}

/** A seed with its port filled in. */
export function seedAddress(seed: string, port: number): string {
  if (seed.startsWith('dns+srv:') || isAddress(seed)) return seed
  return isIPv6(seed) ? `[${seed}]:${port}` : `${seed}:${port}`
}

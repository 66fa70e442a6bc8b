import { readFileSync } from 'node:fs'

/**
 * Bytes that have arrived at this local IPv4 address and that its process has not read yet, as Linux counts them.
 * @param address `127.0.0.1:7000`
 */
export function unreadBytes(address: string): number {
  const [host = '', port] = address.split(':')
  const ip = host
    .split('.')
    .reverse()
    .map(part => hex(Number(part), 2))
    .join('')
  const wanted = `${ip}:${hex(Number(port), 4)}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local === wanted && state === ESTABLISHED)
    .reduce((sum, [, , , , queues = '']) => sum + Number.parseInt(queues.split(':')[1] ?? '0', 16), 0)
}

/** A listening socket counts connections there, not bytes. */
const ESTABLISHED = '01'

const hex = (number: number, digits: number): string =>
  number.toString(16).toUpperCase().padStart(digits, '0')

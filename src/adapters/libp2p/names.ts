/**
 * Names to addresses, asked afresh at every dial: in a container the address behind a name changes while a node lives,
 * and a cached one would send it to whoever has the address now.
 *
 * The system resolver (`lookup`) cannot be called off and holds one of the few threads that also read files, so only
 * `LOOKUPS_MAX` are under way at a time, and a caller that gives up leaves its question behind for the next one who asks
 * the same. SRV records go to the name servers directly.
 */
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { formatHostPort, type Target } from './addresses.ts'
import { CANDIDATES_MAX, LOOKUPS_MAX } from './limits.ts'

/** One place to try. */
export interface Candidate {
  /** An IP address. */
  readonly host: string
  readonly port: number
}

export type Resolved =
  | { readonly ok: true; readonly candidates: readonly Candidate[] }
  | { readonly ok: false; readonly detail: string }

export interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** The name services, so that a test can bring its own. */
export interface NameService {
  lookup(host: string): Promise<readonly string[]>
  srv(name: string): Promise<readonly SrvRecord[]>
}

/** @param servers name servers for SRV questions, `host:port`; the system's when empty */
export function systemNames(servers: readonly string[] = []): NameService {
  const resolver = new Resolver({ timeout: 1_000, tries: 2 })
  if (servers.length > 0) resolver.setServers(servers)
  return {
    lookup: async host => (await lookup(host, { all: true, order: 'ipv4first' })).map(found => found.address),
    srv: name => resolver.resolveSrv(name),
  }
}

export class Names {
  readonly #service: NameService
  readonly #lookups = new Map<string, Promise<readonly string[]>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(service: NameService = systemNames()) {
    this.#service = service
  }

  /** Never rejects. Several addresses come in random order, IPv4 first, so that repeated dials reach different ones. */
  async resolve(target: Exclude<Target, { kind: 'invalid' }>): Promise<Resolved> {
    try {
      const candidates =
        target.kind === 'srv' ? await this.#srv(target.name) : await this.#host(target.host, target.port)
      if (candidates.length > 0) return { ok: true, candidates: candidates.slice(0, CANDIDATES_MAX) }
      return { ok: false, detail: 'expected at least one address, got none' }
    } catch (error) {
      const name = target.kind === 'srv' ? target.name : target.host
      return { ok: false, detail: `expected an address for ${name}, got ${reasonOf(error)}` }
    }
  }

  async #host(host: string, port: number): Promise<Candidate[]> {
    if (isIP(host) !== 0) return [{ host, port }]
    const found = shuffled(await this.#lookup(host)).map(address => ({ host: address, port }))
    return found.sort((a, b) => isIP(a.host) - isIP(b.host))
  }

  /** Lower priority numbers first; within one, a heavier record is likelier to come early (RFC 2782, simplified). */
  async #srv(name: string): Promise<Candidate[]> {
    const records = (await this.#service.srv(name)).map(record => ({
      record,
      rank: record.priority - Math.random() ** (1 / (record.weight + 1)),
    }))
    records.sort((a, b) => a.rank - b.rank)
    const places = await Promise.allSettled(
      records.slice(0, CANDIDATES_MAX).map(({ record }) => this.#host(record.name, record.port)),
    )
    const found = places.flatMap(place => (place.status === 'fulfilled' ? place.value : []))
    const failed = places.find(place => place.status === 'rejected')
    if (found.length === 0 && failed !== undefined) throw failed.reason
    return unique(found)
  }

  #lookup(host: string): Promise<readonly string[]> {
    const underWay = this.#lookups.get(host)
    if (underWay !== undefined) return underWay
    const asked = this.#inTurn(() => this.#service.lookup(host)).finally(() => this.#lookups.delete(host))
    this.#lookups.set(host, asked)
    return asked
  }

  async #inTurn<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#running >= LOOKUPS_MAX) await new Promise<void>(resolve => this.#waiting.push(resolve))
    this.#running++
    try {
      return await ask()
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map(value => ({ value, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ value }) => value)
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map(place => [formatHostPort(place.host, place.port), place])).values()]
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/**
 * Who may ask. The API listens on loopback by default, where a web page in the user's own browser is the stranger:
 * it can make the browser send requests here (so writes look at Origin), and it can point its own DNS name at 127.0.0.1
 * and read the answers (so the Host header must be ours). Elsewhere a bearer token is needed.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Failure } from '../../base/errors.ts'
import { type HttpConfig, isLoopbackHost } from './config.ts'
import { shown } from './shown.ts'

export type Access = 'open' | 'read' | 'write'

/** Host headers found good, so that the hot path is one look into a set. */
const HOSTS_REMEMBERED_MAX = 64

export class Guard {
  readonly #host: string
  readonly #local: boolean
  readonly #reads: readonly Buffer[]
  readonly #writes: readonly Buffer[]
  readonly #hostsSeen = new Set<string>()

  constructor(config: HttpConfig) {
    this.#host = config.host.toLowerCase()
    this.#local = isLoopbackHost(config.host)
    const write = config.writeToken === undefined ? [] : [digest(config.writeToken)]
    const read = config.readToken === undefined ? [] : [digest(config.readToken)]
    this.#writes = write
    // On loopback reads are open unless a read token is set; elsewhere any token that exists is asked for.
    this.#reads = this.#local && read.length === 0 ? [] : [...read, ...write]
  }

  /** Why a request with these headers is refused before anything else of it is looked at. */
  refusesHost(request: IncomingMessage): Failure | undefined {
    const host = request.headers.host
    if (timesIn(request.rawHeaders, 'host') > 1)
      return { code: 'BAD_REQUEST', detail: 'Expected one Host header, got several.' }
    if (host === undefined) {
      if (request.httpVersion === '1.0') return undefined
      return { code: 'BAD_REQUEST', detail: 'Expected a Host header.' }
    }
    if (!this.#local || this.#hostsSeen.has(host)) return undefined
    const name = /^(\[[^\]]+\]|[^:]+)(?::\d{1,5})?$/.exec(host)?.[1]?.toLowerCase()
    if (name === undefined || !(isLoopbackHost(name) || name === this.#host)) {
      return {
        code: 'FORBIDDEN',
        detail: `The Host header names another host than this one, ${shown(host)}; use localhost or 127.0.0.1.`,
      }
    }
    if (this.#hostsSeen.size < HOSTS_REMEMBERED_MAX) this.#hostsSeen.add(host)
    return undefined
  }

  /** Why a request for something of this access is refused. */
  refuses(access: Access, request: IncomingMessage): Failure | undefined {
    if (access === 'open') return undefined
    if (access === 'read') return this.#refusesToken(this.#reads, request)
    return refusesOrigin(request) ?? this.#refusesToken(this.#writes, request)
  }

  #refusesToken(wanted: readonly Buffer[], request: IncomingMessage): Failure | undefined {
    if (wanted.length === 0) return undefined
    const token = /^Bearer +([^\s]{1,512}) *$/i.exec(request.headers.authorization ?? '')?.[1]
    if (token === undefined)
      return { code: 'UNAUTHORIZED', detail: 'Expected `Authorization: Bearer TOKEN`.' }
    const given = digest(token)
    if (matches(wanted, given)) return undefined
    if (matches(this.#reads, given)) return { code: 'FORBIDDEN', detail: 'This token may read, not write.' }
    return { code: 'UNAUTHORIZED', detail: 'The token is not known here.' }
  }
}

/** How often a header of this name, in small letters, stands among the names and values. */
function timesIn(raw: readonly string[], name: string): number {
  let times = 0
  for (let i = 0; i < raw.length; i += 2)
    if (raw[i]?.length === name.length && raw[i]?.toLowerCase() === name) times++
  return times
}

const digest = (token: string): Buffer => hash('sha256', token, 'buffer')

/** Compares with every one, in constant time each, so that the time says nothing about the tokens. */
function matches(wanted: readonly Buffer[], given: Buffer): boolean {
  let found = false
  for (const each of wanted) found = timingSafeEqual(each, given) || found
  return found
}

/** A state-changing request made by a web page must come from a page of this very server. */
function refusesOrigin(request: IncomingMessage): Failure | undefined {
  const { origin, host } = request.headers
  const site = request.headers['sec-fetch-site']
  const foreign = origin !== undefined && origin.toLowerCase() !== `http://${host?.toLowerCase()}`
  const cross = origin === undefined && site !== undefined && site !== 'same-origin' && site !== 'none'
  return foreign || cross
    ? {
        code: 'FORBIDDEN',
        detail: `The request comes from a page of another origin, ${shown(origin ?? site)}.`,
      }
    : undefined
}

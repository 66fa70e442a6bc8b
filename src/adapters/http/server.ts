/** The API on a socket: starts with coded errors, stops within its time. */
import type { FastifyInstance } from 'fastify'
import { CodedError } from '../../base/errors.ts'
import { buildApp } from './app.ts'
import type { FaceParts } from './face.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'

export interface HttpServer {
  /** Listens. Throws ADDRESS_IN_USE or ADDRESS_UNUSABLE. */
  start(): Promise<{ readonly host: string; readonly port: number; readonly url: string }>
  /**
   * Lets requests in flight end for up to a second, then closes what is open. Idempotent; also before `start`.
   * @param withinMs how long they may take, in ms, when that is less
   */
  stop(withinMs?: number): Promise<void>
}

/** @param limits tighter limits than usual, for tests */
export function createHttpServer(parts: FaceParts, limits: Partial<HttpLimits> = {}): HttpServer {
  let app: Promise<FastifyInstance> | undefined
  let stopped: Promise<void> | undefined
  const stopMs = limits.stopMs ?? HTTP_LIMITS.stopMs
  return {
    start: async () => {
      app ??= buildApp(parts, limits)
      return await listen(await app, parts.config.host, parts.config.port)
    },
    stop: (withinMs = stopMs) => {
      const endMs = Math.min(stopMs, Math.max(withinMs, 0))
      stopped ??= app === undefined ? Promise.resolve() : app.then(running => close(running, endMs))
      return stopped
    },
  }
}

async function listen(
  app: FastifyInstance,
  host: string,
  port: number,
): Promise<{ host: string; port: number; url: string }> {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    throw addressError(cause, host, port)
  }
  const bound = app.server.address()
  if (bound === null || typeof bound === 'string') throw new CodedError('ADDRESS_UNUSABLE', `${host}:${port}`)
  const dialled = bound.address === '0.0.0.0' ? '127.0.0.1' : bound.address === '::' ? '::1' : bound.address
  const name = dialled.includes(':') ? `[${dialled}]` : dialled
  return { host: bound.address, port: bound.port, url: `http://${name}:${bound.port}` }
}

function addressError(cause: unknown, host: string, port: number): CodedError {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, 'code') : undefined
  const where = `http.host ${host}, http.port ${port}`
  if (code === 'EADDRINUSE')
    return new CodedError('ADDRESS_IN_USE', `${where}: another process listens there.`, { cause })
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'it is no address of this machine',
    ENOTFOUND: 'the name does not resolve',
    EAI_AGAIN: 'the name does not resolve at the moment',
  }
  const reason = (typeof code === 'string' ? reasons[code] : undefined) ?? `${code ?? 'unknown cause'}`
  return new CodedError('ADDRESS_UNUSABLE', `${where}: ${reason}.`, { cause })
}

/** Stops accepting and closes idle connections at once; the others when their answer is out, or when the time is. */
async function close(app: FastifyInstance, stopMs: number): Promise<void> {
  const idle = setInterval(() => app.server.closeIdleConnections(), IDLE_CHECK_MS)
  const end = setTimeout(() => app.server.closeAllConnections(), stopMs)
  try {
    await app.close()
  } finally {
    clearInterval(idle)
    clearTimeout(end)
  }
}

/** A connection whose answer is out turns idle; it is closed within this time, in ms. */
const IDLE_CHECK_MS = 25

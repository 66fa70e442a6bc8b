/** One route as data: what serves it also documents it (`openapi.ts`) and tells which methods a path takes. */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../../base/errors.ts'
import type { Face } from './face.ts'
import type { Access } from './guard.ts'
import type { JsonSchema, SchemaName } from './schemas.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /**
   * `{name}` at the end takes the rest of the path, slashes included, percent-decoded. `{id}` before a fixed end takes all
   * that stands before that end, which wins over a route that would take it with the rest.
   */
  readonly path: string
  readonly access: Access
  readonly summary: string
  readonly parameter?: { readonly name: string; readonly doc: string }
  readonly query?: Readonly<Record<string, { readonly schema: JsonSchema; readonly doc: string }>>
  /** Headers that mean something to this route. */
  readonly headers?: Readonly<Record<string, { readonly schema: JsonSchema; readonly doc: string }>>
  readonly body?: {
    readonly schema: SchemaName
    readonly required: boolean
    /** It may also come as one JSON value of this schema a line. */
    readonly lines?: SchemaName
  }
  readonly responses: Readonly<Record<number, RouteResponse>>
  /** Errors of its own; `errorsOf` adds those that all routes share. */
  readonly errors: readonly ErrorCode[]
  readonly handle: (face: Face, request: FastifyRequest, reply: FastifyReply) => unknown
}

export interface RouteResponse {
  readonly doc: string
  readonly schema?: SchemaName
  /** When it is not JSON. */
  readonly type?: string
  /** One JSON value of this schema a line, when that is how the request came. */
  readonly lines?: SchemaName
}

/** What stood for `{name}` in the path. */
export function parameterOf(request: FastifyRequest): string {
  const { params } = request
  const named = typeof params === 'object' && params !== null ? params : {}
  const rest: unknown = Reflect.get(named, '*') ?? Reflect.get(named, 'id')
  return typeof rest === 'string' ? rest : ''
}

const JSON_TYPE = 'application/json; charset=utf-8'

/** Answers with JSON. Hand-made rather than through a schema: fields come from typed values, and the hot path is short. */
export const sendJson = (reply: FastifyReply, value: unknown): FastifyReply =>
  asJson(reply).send(JSON.stringify(value))

/** Answers with JSON that comes in pieces of text. */
export const sendPieces = (reply: FastifyReply, pieces: AsyncIterable<string>): FastifyReply =>
  asJson(reply).send(Readable.from(pieces, { objectMode: false }))

const asJson = (reply: FastifyReply): FastifyReply =>
  reply
    .header('content-type', JSON_TYPE)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')

/** The path as fastify writes it. A parameter before the end is always `{id}`. */
export function patternOf({ path }: Route): string {
  return path.replace(/\{\w+\}$/, '*').replace('{id}', ':id')
}

/** What stands before the parameter, and behind it. */
const aroundOf = ({ path }: Route): readonly [before: string, after: string] => {
  const [before = '', after = ''] = path.split(/\{\w+\}/)
  return [before, after]
}

/** Does the route's path fit this one? */
export function fits(route: Route, path: string): boolean {
  if (!route.path.includes('{')) return path === route.path
  const [before, after] = aroundOf(route)
  if (!path.startsWith(before) || !path.endsWith(after)) return false
  return after === '' || path.length > before.length + after.length
}

/**
 * The URL as fastify can route it: in it a parameter before a fixed end is one segment, so that its slashes are encoded.
 * @param routes those that have such a parameter
 */
export function routable(routes: readonly Route[], method: string, url: string): string {
  const end = url.indexOf('?')
  const path = end < 0 ? url : url.slice(0, end)
  const sought = method === 'HEAD' ? 'GET' : method
  const route = routes.find(each => each.method === sought && fits(each, path))
  if (route === undefined) return url
  const [before, after] = aroundOf(route)
  const parameter = path.slice(before.length, path.length - after.length).replaceAll('/', '%2F')
  return `${before}${parameter}${after}${url.slice(path.length)}`
}

/** Has it a parameter before a fixed end? */
export const isTailed = (route: Route): boolean => aroundOf(route)[1] !== ''

/** One route as data: what serves it also documents it (`openapi.ts`) and tells which methods a path takes. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../../base/errors.ts'
import type { Face } from './face.ts'
import type { Access } from './guard.ts'
import type { JsonSchema, SchemaName } from './schemas.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /**
   * `{name}` at the end takes the rest of the path, slashes included, percent-decoded. Before the end it takes one segment,
   * whose slashes are percent-encoded.
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
export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply
    .header('content-type', JSON_TYPE)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(JSON.stringify(value))
}

/** The path as fastify writes it. A parameter before the end is always `{id}`. */
export function patternOf({ path }: Route): string {
  return path.replace(/\{\w+\}$/, '*').replace('{id}', ':id')
}

/** Does the route's path fit this one? */
export function fits(route: Route, path: string): boolean {
  const open = route.path.indexOf('{')
  if (open < 0) return path === route.path
  const [before = '', after = ''] = route.path.split(/\{\w+\}/)
  if (!path.startsWith(before) || !path.endsWith(after)) return false
  return after === '' || !path.slice(before.length, path.length - after.length).includes('/')
}

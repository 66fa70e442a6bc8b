/** One route as data: what serves it also documents it (`openapi.ts`) and tells which methods a path takes. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../../base/errors.ts'
import type { Face } from './face.ts'
import type { Access } from './guard.ts'
import type { JsonSchema, SchemaName } from './schemas.ts'

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** `{name}` at the end takes the rest of the path, slashes included, percent-decoded. */
  readonly path: string
  readonly access: Access
  readonly summary: string
  readonly parameter?: { readonly name: string; readonly doc: string }
  readonly query?: Readonly<Record<string, { readonly schema: JsonSchema; readonly doc: string }>>
  readonly body?: { readonly schema: SchemaName; readonly required: boolean }
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
}

/** What stood for `{name}` in the path. */
export function parameterOf(request: FastifyRequest): string {
  const { params } = request
  const rest = typeof params === 'object' && params !== null ? Reflect.get(params, '*') : undefined
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

/** Does the route's path fit this one? */
export function fits(route: Route, path: string): boolean {
  const open = route.path.indexOf('{')
  return open < 0 ? path === route.path : path.startsWith(route.path.slice(0, open))
}

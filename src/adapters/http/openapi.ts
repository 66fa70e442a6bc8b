/** Describes the route table as an OpenAPI 3.1 document. */
import { ERRORS, type ErrorCode } from '../../base/errors.ts'
import { PROBLEM_TYPE } from './problem.ts'
import type { Route } from './route.ts'
import { errorsOf } from './route-errors.ts'
import { type JsonSchema, SCHEMAS } from './schemas.ts'

export function openApi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Roundtable',
      version: '1',
      description: 'The local API of a roundtable node. Every error is an RFC 9457 problem with a code.',
    },
    paths,
    components: { schemas: SCHEMAS, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  }
}

function operation(route: Route): object {
  return {
    summary: route.summary,
    ...(route.access === 'open' ? {} : { security: [{}, { token: [] }] }),
    parameters: parametersOf(route),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route.body) }),
    responses: { ...successesOf(route), ...failuresOf(route) },
  }
}

function parametersOf(route: Route): readonly object[] {
  const inPath = route.parameter
  const path = {
    name: inPath?.name,
    in: 'path',
    required: true,
    description: inPath?.doc,
    schema: { type: 'string' },
  }
  const optional = (place: 'query' | 'header', named: Route['query'] = {}) =>
    Object.entries(named).map(([name, { schema, doc }]) => ({
      name,
      in: place,
      required: false,
      description: doc,
      schema,
    }))
  const others = [...optional('query', route.query), ...optional('header', route.headers)]
  return [...(inPath === undefined ? [] : [path]), ...others]
}

const reference = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

const bodyOf = (body: NonNullable<Route['body']>): object => ({
  required: body.required,
  content: { 'application/json': { schema: reference(body.schema) }, ...linesOf(body.lines) },
})

/** A body of one JSON value a line: the schema is that of a line. */
const linesOf = (schema: string | undefined): Record<string, object> =>
  schema === undefined ? {} : { 'application/x-ndjson': { schema: reference(schema) } }

function successesOf(route: Route): Record<string, object> {
  const entries = Object.entries(route.responses).map(([status, { doc, schema, type, lines }]) => {
    const json = { [type ?? 'application/json']: schema === undefined ? {} : { schema: reference(schema) } }
    const media = { ...json, ...linesOf(lines) }
    return [status, { description: doc, content: media }] as const
  })
  return Object.fromEntries(entries)
}

/** Codes that share a status share its entry. */
function failuresOf(route: Route): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of errorsOf(route))
    byStatus.set(ERRORS[code][0], [...(byStatus.get(ERRORS[code][0]) ?? []), code])
  const content = { [PROBLEM_TYPE.split(';')[0] ?? PROBLEM_TYPE]: { schema: reference('Problem') } }
  const entries = [...byStatus].map(([status, all]) => {
    const description = all.map(code => `${code}: ${ERRORS[code][1]} ${ERRORS[code][2]}`).join('\n')
    return [status, { description, content }] as const
  })
  return Object.fromEntries(entries)
}

/** The application in front of a sample node, asked without sockets, and what an answer must be. */
import assert from 'node:assert/strict'
import { after } from 'node:test'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { z } from 'zod'
import { buildApp } from '../../../src/adapters/http/app.ts'
import type { HttpLimits } from '../../../src/adapters/http/limits.ts'
import { fits } from '../../../src/adapters/http/route.ts'
import { errorsOf } from '../../../src/adapters/http/route-errors.ts'
import { ROUTES } from '../../../src/adapters/http/routes.ts'
import { SCHEMAS, type SchemaName } from '../../../src/adapters/http/schemas.ts'
import { ERRORS, type ErrorCode } from '../../../src/base/errors.ts'
import { type Sample, type SampleOptions, sample } from './sample-node.ts'

const PROBLEM = 'application/problem+json'

const apps: FastifyInstance[] = []
const samples: Sample[] = []
after(async () => {
  await Promise.all(samples.map(({ claims }) => claims.stop()))
  await Promise.all(apps.map(app => app.close()))
})

export type Answer = Awaited<ReturnType<FastifyInstance['inject']>>

export interface Subject extends Sample {
  readonly ask: (options: InjectOptions | string) => Promise<Answer>
}

export async function subject(
  options: SampleOptions = {},
  limits: Partial<HttpLimits> = {},
): Promise<Subject> {
  const seen = sample(options)
  const app = await buildApp(seen.parts, limits)
  apps.push(app)
  samples.push(seen)
  const local = { authority: '127.0.0.1:7373' }
  return {
    ...seen,
    ask: async asked => {
      const options = typeof asked === 'string' ? { url: asked, ...local } : { ...local, ...asked }
      const answer = await app.inject(options)
      isDocumented(options, answer)
      return answer
    },
  }
}

/** No route answers with an error that the API's description does not know, whatever a test asks for. */
function isDocumented({ method = 'GET', url }: InjectOptions, answer: Answer): void {
  if (typeof url !== 'string' || !String(answer.headers['content-type']).startsWith(PROBLEM)) return
  const [path = ''] = url.split('?')
  const route =
    ROUTES.find(each => each.path === path && each.method === method) ??
    ROUTES.find(each => each.method === method && fits(each, path))
  if (route === undefined || method === 'HEAD') return
  const { code } = answer.json<{ code: ErrorCode }>()
  assert.ok(errorsOf(route).has(code), `${method} ${route.path} does not document ${code}`)
}

export const post = (url: string, payload: unknown, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/json', ...headers },
  payload: typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload),
})

/** A schema with its references filled in, as a zod schema. */
export function schemaOf(name: SchemaName): z.ZodType {
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill)
    if (typeof value !== 'object' || value === null) return value
    const target = /^#\/components\/schemas\/(\w+)$/.exec(String(Reflect.get(value, '$ref')))?.[1]
    if (target !== undefined) return fill(SCHEMAS[target as SchemaName])
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fill(part)]))
  }
  return z.fromJSONSchema(fill(SCHEMAS[name]) as Parameters<typeof z.fromJSONSchema>[0])
}

/** The answer is a problem of this code, complete and as the table says. */
export function isProblem(answer: Answer, code: keyof typeof ERRORS): Record<string, unknown> {
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, answer.body)
  const problem = answer.json<Record<string, unknown>>()
  assert.equal(problem['code'], code, answer.body)
  assert.equal(answer.statusCode, ERRORS[code][0])
  assert.equal(problem['status'], ERRORS[code][0])
  schemaOf('Problem').parse(problem)
  assert.ok(problem['requestId'])
  return problem
}

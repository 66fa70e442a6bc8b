/** Words in which the JSON schemas of the API are written. */
export type JsonSchema = { readonly [key: string]: unknown }

export const text: JsonSchema = { type: 'string' }
export const whole: JsonSchema = { type: 'integer' }
export const number: JsonSchema = { type: 'number' }
export const flag: JsonSchema = { type: 'boolean' }
export const anything: JsonSchema = {}
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
export const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values })
export const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })
export const nullable = (type: string): JsonSchema => ({ type: [type, 'null'] })
export const countsOf = (...names: readonly string[]): JsonSchema =>
  object(Object.fromEntries(names.map(name => [name, whole])))

/** All fields are required but those named in `optional`. Later versions may add fields. */
export function object(
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema {
  return {
    type: 'object',
    properties,
    required: Object.keys(properties).filter(name => !optional.includes(name)),
  }
}

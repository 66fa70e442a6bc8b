/** Longest text of one field in a log line, in characters. */
const FIELD_LENGTH_MAX = 4096
/** Fields in one line; a line is then a quarter megabyte at the very most. */
const FIELDS_MAX = 64

/**
 * Fields as they can stand in a log line: JSON, bounded, without the reserved names (those get a `_` behind). Whatever
 * JSON does not know (bigint, Error, NaN, cycles) becomes text rather than an exception.
 */
export function printable(
  fields: Readonly<Record<string, unknown>>,
  reserved: ReadonlySet<string>,
): Record<string, unknown> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  const kept = given
    .slice(0, FIELDS_MAX)
    .map(([name, value]) => [reserved.has(name) ? `${name}_` : bounded(name), printableValue(value)])
  if (given.length > FIELDS_MAX) kept.push(['fieldsDropped', given.length - FIELDS_MAX])
  return Object.fromEntries(kept) as Record<string, unknown>
}

/** A text cut to a field's bound; the cut says how long it was. */
export function bounded(text: string): string {
  if (text.length <= FIELD_LENGTH_MAX) return text
  return `${text.slice(0, FIELD_LENGTH_MAX)}… (${text.length} characters)`
}

function printableValue(value: unknown): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'string') return bounded(value)
  if (value instanceof Error) return bounded(value.stack ?? String(value))
  if (typeof value === 'object') return printableObject(value)
  return bounded(String(value))
}

function printableObject(value: object): unknown {
  try {
    const text = JSON.stringify(value, jsonable)
    return text.length > FIELD_LENGTH_MAX ? bounded(text) : JSON.parse(text)
  } catch (error) {
    return bounded(`[not JSON: ${String(error)}]`)
  }
}

function jsonable(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Error ? String(value) : value
}

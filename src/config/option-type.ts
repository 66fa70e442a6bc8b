/**
 * The kinds of value an option can have. Each says in words what it expects, and that sentence is all a zod schema
 * here ever answers: whoever reads it wants to know what to write, not which rule of a validator failed.
 */
import { z } from 'zod'
import type { OptionType } from './option.ts'

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const UNITS_BYTES = {
  B: 1,
  KiB: 1024,
  Ki: 1024,
  MiB: 1024 ** 2,
  Mi: 1024 ** 2,
  GiB: 1024 ** 3,
  Gi: 1024 ** 3,
}

/** `"2s"` -> 2000 with the units given; anything else unchanged. */
function withUnit(value: unknown, units: Readonly<Record<string, number>>): unknown {
  if (typeof value !== 'string') return value
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?([A-Za-z]{1,3})$/.exec(value.trim())
  const unit = match?.[2] === undefined || !Object.hasOwn(units, match[2]) ? undefined : units[match[2]]
  return match === null || unit === undefined ? value : Math.round(Number(match[1]) * unit * 1e6) / 1e6
}

function numberFromText(text: string): unknown {
  return /^-?\d{1,15}(\.\d{1,10})?$/.test(text.trim()) ? Number(text) : text
}

/** JSON where the text looks like it, else the text itself. */
export function jsonFromText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** A list as a JSON array, or its items between commas. */
function listFromText(text: string): unknown {
  if (text.trim() === '') return []
  if (text.trim().startsWith('[')) return jsonFromText(text)
  return text.split(',').map(item => item.trim())
}

function range(min: number, max: number, show: (value: number) => string = String): string {
  return `from ${show(min)} to ${show(max)}`
}

export function showMs(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find(u => ms >= UNITS_MS[u] && ms % UNITS_MS[u] === 0) ?? 'ms'
  return `${ms / UNITS_MS[unit]}${unit}`
}

export function showBytes(bytes: number): string {
  const unit = (['GiB', 'MiB', 'KiB'] as const).find(
    u => bytes >= UNITS_BYTES[u] && bytes % UNITS_BYTES[u] === 0,
  )
  return unit === undefined ? `${bytes}B` : `${bytes / UNITS_BYTES[unit]}${unit}`
}

export function whole(min: number, max: number): OptionType {
  const expected = `a whole number ${range(min, max)}`
  const error = { error: expected }
  return {
    name: 'whole number',
    expected,
    schema: z.int(error).min(min, error).max(max, error),
    fromText: numberFromText,
  }
}

export function decimal(min: number, max: number): OptionType {
  const expected = `a number ${range(min, max)}`
  const error = { error: expected }
  return {
    name: 'number',
    expected,
    schema: z.number(error).min(min, error).max(max, error),
    fromText: numberFromText,
  }
}

/** Milliseconds, as a number or as text with a unit. */
export function duration(minMs: number, maxMs: number): OptionType {
  const expected = `a duration ${range(minMs, maxMs, showMs)}: a number of milliseconds, or text such as "500ms", "2s", "1m"`
  const error = { error: expected }
  const schema = z.preprocess(
    value => withUnit(value, UNITS_MS),
    z.int(error).min(minMs, error).max(maxMs, error),
  )
  return { name: 'duration', expected, schema, fromText: numberFromText }
}

/** Bytes, as a number or as text with a unit. */
export function size(minBytes: number, maxBytes: number): OptionType {
  const expected = `a size ${range(minBytes, maxBytes, showBytes)}: a number of bytes, or text such as "64KiB", "1MiB"`
  const error = { error: expected }
  const inner = z.int(error).min(minBytes, error).max(maxBytes, error)
  const schema = z.preprocess(value => withUnit(value, UNITS_BYTES), inner)
  return { name: 'size', expected, schema, fromText: numberFromText }
}

export function boolean(): OptionType {
  const expected = 'true or false'
  const known: Readonly<Record<string, boolean>> = { true: true, false: false, '1': true, '0': false }
  return {
    name: 'true or false',
    expected,
    schema: z.boolean({ error: expected }),
    fromText: text => (Object.hasOwn(known, text) ? known[text] : text),
  }
}

/** @param test what the text must satisfy; a pattern or a predicate */
export function text(
  expected: string,
  test: RegExp | ((text: string) => boolean),
  name = 'text',
): OptionType {
  const holds = typeof test === 'function' ? test : (value: string) => test.test(value)
  const schema = z.string({ error: expected }).refine(holds, { error: expected })
  return { name, expected, schema, fromText: value => value }
}

export function oneOf(values: readonly [string, ...string[]]): OptionType {
  const expected = `one of ${values.join(', ')}`
  return { name: expected, expected, schema: z.enum(values, { error: expected }), fromText: value => value }
}

/** A value that is fixed in this version, and may be said. */
export function only(value: string | number): OptionType {
  const expected = JSON.stringify(value)
  const schema = z.literal(value, { error: expected })
  return {
    name: expected,
    expected,
    schema,
    fromText: typeof value === 'number' ? numberFromText : given => given,
  }
}

export function listOf(item: OptionType, max: number, name = `list of ${item.name}`): OptionType {
  const expected = `a list of at most ${max}, each ${item.expected}`
  const schema = z.array(item.schema, { error: expected }).max(max, { error: expected })
  return { name, expected, schema, fromText: listFromText }
}

/** The same, and no item twice. */
export function distinctListOf(item: OptionType, max: number): OptionType {
  const list = listOf(item, max)
  const expected = `${list.expected}, none of them twice`
  const schema = list.schema.superRefine((items, context) => {
    if (!Array.isArray(items)) return
    for (const [place, each] of items.entries()) {
      if (items.indexOf(each) === place) continue
      context.addIssue({ code: 'custom', path: [place], message: 'one that is not in the list before' })
    }
  })
  return { ...list, expected, schema }
}

/** A list or map with a shape of its own, given as JSON where it comes as text. */
export function structure(name: string, expected: string, schema: z.ZodType): OptionType {
  return { name, expected, schema, fromText: jsonFromText }
}

import { problemOfJson } from './json.ts'

/** Characters of a value shown in a problem. */
const SHOWN_MAX = 80

/** A value as it is shown in a problem: short, and whatever somebody sent, however deeply it is nested. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'bigint' ? `${value}n` : safeText(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX).toWellFormed()}...` : text
}

function safeText(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return problemOfJson(value) === undefined
      ? JSON.stringify(value)
      : Array.isArray(value)
        ? 'a list'
        : 'an object'
  }
  return JSON.stringify(value) ?? String(value)
}

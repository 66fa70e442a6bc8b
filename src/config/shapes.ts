/** Parts that several options share. */
import { z } from 'zod'
import { nearest } from './nearest.ts'
import { text } from './option-type.ts'

/** Paths go to the operating system, which takes no NUL and at most 4,096 bytes. */
const isPath = (value: string): boolean => value !== '' && value.length <= 4_096 && !value.includes('\0')

export const pathType = text('a path', isPath, 'path')

/** What to say where an unknown key stands. */
export function knownKey(key: string, known: readonly string[]): string {
  const guess = nearest(key, known)
  if (guess !== undefined) return `a known key; did you mean ${guess}?`
  return known.length <= 12 ? `one of ${known.join(', ')}` : 'a known key'
}

/** An object with these keys and no others. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: issue => {
      const key = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
      return key === undefined ? `a mapping with ${known.join(', ')}` : knownKey(key, known)
    },
  })
}

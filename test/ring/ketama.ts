/** Ketama written a second time, as slowly and plainly as it can be, to hold the ring against. Shares no code with it. */
import { createHash } from 'node:crypto'

export interface Ketama {
  readonly points: readonly { readonly token: number; readonly id: string }[]
  list(key: string): readonly string[]
}

export function ketama(members: readonly { id: string; weight: number }[], vnodesPerWeight: number): Ketama {
  const md5 = (text: string): Buffer => createHash('md5').update(text).digest()
  const points = members.flatMap(({ id, weight }) => {
    const vnodes = Math.max(1, Math.round(weight * vnodesPerWeight))
    return Array.from({ length: vnodes }, (_, i) => md5(`${id}-${i}`)).flatMap(hash =>
      [0, 4, 8, 12].map(at => ({ token: hash.readUInt32LE(at), id })),
    )
  })
  points.sort((a, b) => a.token - b.token || (a.id < b.id ? -1 : 1))
  const list = (key: string): readonly string[] => {
    const at = md5(key).readUInt32LE(0)
    const first = Math.max(
      0,
      points.findIndex(({ token }) => token >= at),
    )
    return [...new Set([...points.slice(first), ...points.slice(0, first)].map(({ id }) => id))]
  }
  return { points, list }
}

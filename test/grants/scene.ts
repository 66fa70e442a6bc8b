/** Small things that the tests of this room share. */
import { asNodeId, type NodeId } from '../../src/base/ids.ts'
import { instantOf, type Now, wallOf } from '../../src/base/time.ts'
import type { Condition } from '../../src/grants/conditions.ts'
import type { Grant, Scope } from '../../src/grants/messages.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring } from '../../src/ring/ring.ts'

export const a = asNodeId('a')
export const b = asNodeId('b')
export const c = asNodeId('c')

export const ringOf = (...ids: readonly string[]): Ring =>
  buildRing(
    ids.map(id => ({ id: asNodeId(id), weight: 1 })),
    ringDefaults(),
  )
export const both = ringOf('a', 'b')
export const onlyA = ringOf('a')
export const ringsOf = (...rings: readonly Ring[]): Map<string, Ring> =>
  new Map(rings.map(ring => [ring.checksum, ring]))

/** A key that this ring gives to this node. */
export function keyOf(ring: Ring, node: NodeId): string {
  for (let i = 0; ; i++) if (ring.owner(`k${i}`) === node) return `k${i}`
}

export const at = (ms: number): Now => ({ mono: instantOf(ms), wall: wallOf(1_000_000 + ms) })

export const scopeOf = (ring: Ring, keeps: readonly string[] = [], leaving = false): Scope => ({
  ring: ring.checksum,
  leaving,
  keeps,
})
export const claimed = (scope: Scope): Condition => ({ kind: 'claimed', scope })
export const notExcepted = (
  node: NodeId,
  scopes: readonly Scope[],
  saved: readonly string[] = [],
): Condition => ({
  kind: 'not-excepted',
  exception: { node, scopes },
  saved,
})

export const grantOf = (seq: number, scope: Scope, more: Partial<Grant> = {}): Grant => ({
  type: 'grant',
  session: 1,
  seq,
  scope,
  exceptions: [],
  promiseMs: 2_500,
  top: 0,
  termTaken: false,
  ...more,
})

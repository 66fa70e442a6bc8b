/** Member sets and keys for the ring's tests. */
import fc from 'fast-check'
import { asNodeId } from '../../src/base/ids.ts'
import { type RingConfig, ringDefaults } from '../../src/ring/config.ts'
import type { RingMember } from '../../src/ring/ring.ts'

export const member = (id: string, weight = 1): RingMember => ({ id: asNodeId(id), weight })

export const nodes = (count: number): readonly RingMember[] =>
  Array.from({ length: count }, (_, i) => member(`node-${i + 1}`))

/** Fewer vnodes than by default: properties need many rings, not balance. */
export const sparse: RingConfig = { ...ringDefaults(), vnodesPerWeight: 8 }

export const keys = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `tenant/${i}/invoice`)

/** Names of every legal kind: whole numbers too, which JavaScript objects would put first. */
export const nodeNames = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,12}[A-Za-z0-9])?$/),
  fc.nat({ max: 99 }).map(String),
  fc.constantFrom('constructor', 'toString', 'valueOf', 'hasOwnProperty'),
)

export const weights = fc.oneof(
  fc.constant(1),
  fc.integer({ min: 1, max: 400 }).map(n => n / 100),
)

export const memberSets = (minLength: number, maxLength: number): fc.Arbitrary<RingMember[]> =>
  fc.uniqueArray(
    fc.tuple(nodeNames, weights).map(([id, weight]) => member(id, weight)),
    { minLength, maxLength, selector: ({ id }) => id },
  )

export const anyKeys = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 60 })

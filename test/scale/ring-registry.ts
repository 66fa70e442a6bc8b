/**
 * Rings by what they are made of, shared by all hosts of the process: a thousand nodes that agree hold one ring. A ring is
 * named by two sums over its members, which costs a node a microsecond for each change of its view where the real
 * checksum (as long as this one) costs a millisecond. A circle is laid only for the few rings that a key is looked up in.
 */
import { AssertionError } from '../../src/base/assert.ts'
import { hash32 } from '../../src/base/hash.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import type { Ring, RingMember } from '../../src/ring/ring.ts'

/** Rings remembered; a host that comes back to a forgotten one makes it anew. */
const KEPT_MAX = 4_096

/** A living member, as far as a ring needs to know it. */
interface Spot {
  readonly point: number
  readonly record: { readonly id: NodeId; readonly weight: number; readonly leaving: boolean }
}

export class RingRegistry {
  readonly #byName = new Map<string, Ring>()

  /** @param living the living members of a view; not changed afterwards */
  of(living: readonly Spot[]): Ring {
    let [sum, mixed] = [living.length, 0]
    for (const { point, record } of living) {
      if (record.leaving) continue
      sum = (sum + point) >>> 0
      mixed = (mixed + Math.imul(point ^ (point >>> 15), 0x2c1b3c6d)) >>> 0
    }
    const name = hex(sum) + hex(mixed)
    let ring = this.#byName.get(name)
    if (ring === undefined) {
      ring = new NamedRing(name, living)
      this.#byName.set(name, ring)
      if (this.#byName.size > KEPT_MAX) this.#byName.delete(this.#byName.keys().next().value ?? '')
    }
    return ring
  }

  /** The ring of these members, as another node told them. */
  build(members: readonly RingMember[]): Ring {
    return this.of(
      members.map(({ id, weight }) => ({ point: hash32(id), record: { id, weight, leaving: false } })),
    )
  }
}

class NamedRing implements Ring {
  readonly checksum: string
  readonly #living: readonly Spot[]
  #members: readonly RingMember[] | undefined
  #laid: Ring | undefined

  constructor(checksum: string, living: readonly Spot[]) {
    this.checksum = checksum
    this.#living = living
  }

  get members(): readonly RingMember[] {
    this.#members ??= this.#living
      .filter(({ record }) => !record.leaving)
      .map(({ record: { id, weight } }) => ({ id, weight }))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    return this.#members
  }

  get tokens(): never {
    return unlaid()
  }

  has(): never {
    return unlaid()
  }

  owner(key: string): NodeId | undefined {
    this.#laid ??= buildRing(this.members, ringDefaults())
    return this.#laid.owner(key)
  }

  ownerAt(): never {
    return unlaid()
  }

  preferenceList(): never {
    return unlaid()
  }

  explain(): never {
    return unlaid()
  }

  share(): never {
    return unlaid()
  }
}

function unlaid(): never {
  throw new AssertionError('only owners are looked up in a model without tasks')
}

const hex = (number: number): string => number.toString(16).padStart(8, '0')

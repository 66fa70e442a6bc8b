import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import type { NodeId, RequestId } from '../base/ids.ts'
import type { Now } from '../base/time.ts'
import type { Membership } from '../membership/membership.ts'
import type { ControlReply, ControlRequest } from './control.ts'
import type { Effect } from './machine.ts'

export type VoterRequest = Extract<ControlRequest, { kind: `voter${string}` }>

const WEIGHT_MIN = 0.01
const WEIGHT_MAX = 100

/** Carries out what an operator asks of this node, and answers each request once. */
export class Operator {
  readonly #membership: Membership
  readonly #askVoters: (id: RequestId, request: VoterRequest, now: Now) => readonly Effect[]
  readonly #newDisk: () => string | undefined

  /**
   * @param askVoters what concerns voters; sees to the answer itself, now or when a quorum has agreed
   * @param newDisk the name of this node's disk, where voters know that it had another one before
   */
  constructor(
    membership: Membership,
    askVoters: (id: RequestId, request: VoterRequest, now: Now) => readonly Effect[],
    newDisk: () => string | undefined,
  ) {
    this.#membership = membership
    this.#askVoters = askVoters
    this.#newDisk = newDisk
  }

  control(id: RequestId, request: ControlRequest, now: Now): readonly Effect[] {
    switch (request.kind) {
      case 'voter-add':
      case 'voter-remove':
      case 'voters-reset':
        return this.#askVoters(id, request, now)
      default:
        return [{ kind: 'reply', id, reply: this.#answer(request, now) }]
    }
  }

  #answer(request: Exclude<ControlRequest, VoterRequest>, now: Now): ControlReply {
    switch (request.kind) {
      case 'cordon':
        return this.#cordon(true, now)
      case 'uncordon':
        return this.#cordon(false, now)
      case 'weight':
        return this.#weigh(request.weight, now)
      case 'forget': {
        const failure = this.#membership.orders.forget(request.node, now)
        return failure === undefined ? done(`${request.node} is forgotten`) : { ok: false, failure }
      }
      case 'forget-former-disk':
        return this.#forgetFormerDisk(request.node, now)
      default:
        return unreachable(request)
    }
  }

  #cordon(on: boolean, now: Now): ControlReply {
    const { orders, self } = this.#membership
    if (self.leaving) return refused('LEAVING', `${self.id} leaves the cluster`)
    orders.setCordoned('operator', on, now)
    if (on) return done(`${self.id} owns no keys from now on`)
    const [other] = orders.cordonedFor
    if (other === undefined) return done(`${self.id} owns its share of the keys`)
    const why = other === 'joining' ? 'it has only just joined' : 'another node bears its name'
    return done(`${self.id} will own its share of the keys; not yet, for ${why}`)
  }

  /** Only the node itself knows for sure which disk it has. */
  #forgetFormerDisk(node: NodeId, now: Now): ControlReply {
    const { orders, self } = this.#membership
    if (node !== self.id) {
      const detail = `this is ${self.id}: say it to ${node} itself (--url), which knows its disk`
      return refused('FORMER_DISK_UNKNOWN', detail)
    }
    const disk = this.#newDisk()
    if (disk === undefined) {
      const detail =
        'no voter that answers knows that this node had another disk before, or needs to any more'
      return refused('FORMER_DISK_UNKNOWN', detail)
    }
    orders.forgetFormerDisk(disk, now)
    return done(`what ${self.id} had before it came with this disk is given up`)
  }

  #weigh(weight: number, now: Now): ControlReply {
    if (!(weight >= WEIGHT_MIN && weight <= WEIGHT_MAX)) {
      return refused('BAD_REQUEST', `expected a weight from ${WEIGHT_MIN} to ${WEIGHT_MAX}, got ${weight}`)
    }
    const { orders, self } = this.#membership
    if (self.leaving) return refused('LEAVING', `${self.id} leaves the cluster`)
    orders.setWeight(weight, now)
    return done(`${self.id} has weight ${weight}`)
  }
}

const done = (detail: string): ControlReply => ({ ok: true, detail })

const refused = (code: Failure['code'], detail: string): ControlReply => ({
  ok: false,
  failure: { code, detail },
})

/** One of six nodes that takes keys over: what the voters know is said by the test, and so is who has answered. */
import { asNodeId } from '../../src/base/ids.ts'
import { Completeness } from '../../src/tasks/completeness.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'
import { View } from '../../src/tasks/view.ts'
import { KnownEpochs, nodesOf } from './known-epochs.ts'
import { names, ringOf } from './samples.ts'

const self = asNodeId('n1')
export const six = names(6)
export const ring = ringOf(six)

export function made(durability = 2) {
  const epochs = new KnownEpochs()
  const view = new View(self, 3)
  view.change(ring, nodesOf(...six))
  epochs.members = nodesOf(...six)
  epochs.note(ring)
  const completeness = new Completeness(view, epochs, { ...tasksDefaults(2), durability })
  const hear = (...nodes: string[]) => {
    for (const node of nodes) completeness.answered(asNodeId(node), `disk-${node}`)
  }
  return { epochs, view, completeness, hear }
}

export const begin = ({ completeness }: { completeness: Completeness }): boolean => completeness.follow()

/** A key of this node, with these among its holders. */
export function keyHeldBy(...holders: string[]): string {
  for (let i = 0; i < 100_000; i++) {
    const found = ring.preferenceList(`k${i}`, 3)
    const isHeld = holders.every(holder => found.includes(asNodeId(holder)))
    if (found[0] === self && isHeld) return `k${i}`
  }
  throw new Error(`no key is held by ${holders.join()}`)
}

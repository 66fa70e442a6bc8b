/** What is to have befallen a cluster in a simulation that says "every fault", by the names that a tally counts it under. */
import type { Fault } from './fault.ts'
import type { Counts } from './tally.ts'

/** Of each kind that can be drawn. The compiler says when one has come that is not here. */
const NAMES: Readonly<Record<Fault['kind'], readonly string[]>> = {
  start: ['start', 'disk lost', 'disk lost-but-key', 'new address', 'reused address'],
  gone: ['gone'],
  crash: ['crash'],
  'power-off': ['power-off'],
  leave: ['leave'],
  'kill-runner': ['kill-runner'],
  'lose-again': ['lose-again', 'disks lost again'],
  freeze: ['freeze'],
  'freeze-tree': ['freeze-tree'],
  'freeze-runner': ['freeze-runner'],
  suspend: ['suspend'],
  flood: ['flood'],
  'slow-disk': ['slow-disk'],
  'disk-fails': ['disk-fails'],
  'disk-read-only': ['disk-read-only'],
  'disk-full': ['disk-full'],
  'disk-room': ['disk-room'],
  late: ['late'],
  loss: ['loss'],
  delay: ['delay'],
  partition: ['partition', 'partition one way'],
  cut: ['cut'],
  'cut-one-way': ['cut-one-way'],
  stall: ['stall'],
  'stall-all': ['stall-all'],
  crossed: ['crossed'],
  'gossip-unrest': ['gossip-unrest'],
  'wall-step': ['wall-step'],
  ask: ['ask'],
  submit: ['submit'],
  schedule: ['schedule'],
  control: ['cordon', 'uncordon', 'weight', 'forget', 'voter-add under way', 'voter-remove under way'],
}

/** Under all of these something is counted where every fault occurred. */
export const FAULT_NAMES: readonly string[] = Object.values(NAMES).flat()

/** Those that never occurred in the runs that were counted. */
export const neverIn = (counts: Counts): readonly string[] =>
  FAULT_NAMES.filter(name => !((counts[name] ?? 0) > 0))

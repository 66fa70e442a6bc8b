/** What is claimed of a million queued tasks: memory and restarts, judged from what was measured. Pure. */
import { atMost, fact, figure, type Shown, worst } from '../proof/line.ts'

const SERVING_S = 10

/** The bound of a daemon's memory: what it takes when idle, and so much for each record on its disk, its own and copies. */
const IDLE_MIB = 200
const RECORD_KIB = 2
const COPIES = 3

/** What one run came to. */
export interface MillionSeen {
  readonly addedS: number
  readonly owned: number
  /** Of each daemon. */
  readonly residentMib: readonly number[]
  readonly restartsS: readonly number[]
  readonly residentAfterMib: readonly number[]
  readonly all: { readonly servingS: number; readonly ownedS: number }
}

export interface MillionWanted {
  /** Tasks. */
  readonly count: number
  readonly daemons: number
  readonly restarts: number
}

export function millionClaims(
  seen: MillionSeen,
  { count, daemons, restarts }: MillionWanted,
): readonly Shown[] {
  const records = (count * COPIES) / daemons
  const boundMib = Math.ceil(IDLE_MIB + (records * RECORD_KIB) / 1_024)
  const resident = [...seen.residentMib, ...seen.residentAfterMib]
  return [
    fact(
      `${count} tasks are queued in eight daemons`,
      seen.owned >= count,
      `${seen.owned} owned, added in ${seen.addedS.toFixed(1)} s`,
    ),
    fact(
      'memory was read of every daemon, before and after restarts',
      [seen.residentMib, seen.residentAfterMib].every(
        each => each.length === daemons && each.every(mib => mib > 0),
      ),
      `${seen.residentMib.length} and ${seen.residentAfterMib.length} of ${daemons}`,
    ),
    atMost(
      `memory of a daemon with all below it: ${IDLE_MIB} MiB and ${RECORD_KIB} KiB for each of ${records} records`,
      worst(resident),
      boundMib,
      'MiB',
      resident,
    ),
    fact(
      'restarts',
      seen.restartsS.length >= Math.max(1, restarts),
      `${seen.restartsS.length} of ${restarts}`,
    ),
    atMost(
      'one is killed and started on its disk: from its start to serving',
      worst(seen.restartsS),
      SERVING_S,
      's',
      seen.restartsS,
    ),
    figure(
      'all eight are killed and started at once, on these cores',
      `all serve after ${seen.all.servingS.toFixed(1)} s, every task has its owner after ${seen.all.ownedS.toFixed(1)} s`,
    ),
  ]
}

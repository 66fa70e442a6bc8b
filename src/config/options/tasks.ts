import { z } from 'zod'
import { PLACEMENTS, tasksDefaults } from '../../tasks/config.ts'
import type { Option } from '../option.ts'
import { duration, oneOf, size, structure, whole } from '../option-type.ts'

const DAY_MS = 86_400_000
const KIB = 1024
/** Ten years: for ever, as far as disks go. */
const KEPT_MS_MAX = 3_650 * DAY_MS

const LIMITS_MAX = 1_000
const limitsExpected = `a mapping of at most ${LIMITS_MAX} names to whole numbers from 1 to 10000`
const limit = z
  .int({ error: limitsExpected })
  .min(1, { error: limitsExpected })
  .max(10_000, { error: limitsExpected })
const limits = structure(
  'mapping of limits',
  limitsExpected,
  z
    .record(z.string().min(1).max(128), limit, { error: limitsExpected })
    .refine(map => Object.keys(map).length <= LIMITS_MAX, { error: limitsExpected }),
)

/** @param cores number of CPU cores of this machine */
export function tasksOptions(cores: number): readonly Option[] {
  const defaults = tasksDefaults(cores)
  const option = (key: keyof typeof defaults, type: Option['type'], doc: string): Option => ({
    key: `tasks.${key}`,
    type,
    default: defaults[key],
    doc,
  })
  return [
    {
      ...option('concurrency', whole(1, 10_000), 'Attempts that may run at one time on this node.'),
      defaultText: 'the number of CPU cores, at least 2',
    },
    option(
      'typeConcurrency',
      limits,
      'Of these, attempts of a type that may run at one time on this node, by type. A full type keeps no other waiting.',
    ),
    option(
      'groupConcurrency',
      limits,
      'Attempts of a group that may run at one time, by group. Each node counts the tasks that it owns; see `groupLimit` of a task for a limit in the whole cluster.',
    ),
    option(
      'placement',
      oneOf(PLACEMENTS),
      'How the node of a task without key and id is chosen when the task does not say; see "Where it runs".',
    ),
    option(
      'durability',
      whole(1, 3),
      'Disks that must have a change in quorum mode before it counts, of the three nodes that hold a record. One less may be lost at once and nothing accepted is. Set the same on all nodes.',
    ),
    option(
      'minMembers',
      whole(1, 10_000),
      'No task starts before this many members are alive, this node included. Raise it so that the first node up does not run everything.',
    ),
    option(
      'stillMs',
      duration(0, 600_000),
      'No task starts before the view has been still for this long, once after boot.',
    ),
    option(
      'maxAttempts',
      whole(1, 100),
      'Attempts before a task becomes a dead letter, for tasks that do not say.',
    ),
    option(
      'backoffMs',
      duration(0, DAY_MS),
      'First pause before a retry: it doubles with each attempt up to backoffMsMax, less up to half of it at random.',
    ),
    option('backoffMsMax', duration(0, DAY_MS), 'Ceiling of that. Not below backoffMs.'),
    option('timeoutMs', duration(1, DAY_MS), 'Time limit of one attempt, for tasks that do not say.'),
    option(
      'queueMax',
      whole(1, 10_000_000),
      'Unsettled tasks this node accepts as owner; more are answered QUEUE_FULL. About 1 KiB of memory each, and their payloads.',
    ),
    option(
      'settledMax',
      whole(0, 10_000_000),
      'Records kept of tasks that succeeded or were cancelled, oldest dropped first.',
    ),
    option('settledMs', duration(0, KEPT_MS_MAX), 'How long they are kept after that at most.'),
    option('deadMax', whole(0, 10_000_000), 'Dead letters kept, oldest dropped first.'),
    option('deadMs', duration(0, KEPT_MS_MAX), 'How long a dead letter is kept at most.'),
    option(
      'schedulesMax',
      whole(1, 100_000),
      'Schedules whose key this node owns; more are answered SCHEDULES_FULL. One that fires every second takes about 0.2 ms of CPU a second.',
    ),
    option(
      'catchUpMax',
      whole(1, 1_000),
      'Late slots that a schedule with catchUp all makes at most, the newest ones; older ones are listed as missed.',
    ),
    option(
      'payloadBytesMax',
      size(1, 512 * KIB),
      'A payload may have this many bytes as JSON. Payload and result share a frame of 1 MiB.',
    ),
    option(
      'resultBytesMax',
      size(1, 256 * KIB),
      'A result may have this many bytes as JSON; a larger one is cut and says so.',
    ),
    option(
      'forwardMs',
      duration(100, 600_000),
      'A request forwarded to the owner is answered OWNER_UNREACHABLE after this.',
    ),
    option(
      'inventoryMs',
      duration(0, 600_000),
      'On gaining keys: wait at most this long for what each live member holds of them.',
    ),
  ]
}

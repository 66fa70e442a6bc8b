import { membershipDefaults } from '../../membership/config.ts'
import type { Option } from '../option.ts'
import { duration, whole } from '../option-type.ts'

const DAY_MS = 86_400_000

export function membershipOptions(): readonly Option[] {
  const defaults = membershipDefaults()
  const times = (key: keyof typeof defaults, min: number, max: number, doc: string): Option => ({
    key: `membership.${key}`,
    type: duration(min, max),
    default: defaults[key],
    doc,
  })
  return [
    times(
      'probeIntervalMs',
      50,
      60_000,
      'How often each linked peer is probed. Shorter finds silence sooner and costs two frames per peer and probe.',
    ),
    times(
      'heartbeatIntervalMs',
      100,
      60_000,
      'How often a node publishes its heartbeat. Must be below silenceMsMin, or every node looks silent between two of them.',
    ),
    times(
      'silenceMsMin',
      150,
      600_000,
      'Silence after which an observer accuses a peer, at least. At least three probe intervals: below that one lost packet would look like death.',
    ),
    times(
      'silenceMsMax',
      150,
      600_000,
      'The same, at most: a link with long gaps is given up to this. Its round trip and four times the variation of that come on top. Not below silenceMsMin.',
    ),
    times(
      'holdMsSmall',
      0,
      60_000,
      'How long a majority of accusations must stand before the member is dead, up to 11 members. Shorter decides sooner and forgives less.',
    ),
    times(
      'holdMsLarge',
      0,
      60_000,
      'The same above 11 members, where news travels further. Not below holdMsSmall.',
    ),
    times(
      'claimIntervalMs',
      100,
      60_000,
      'A standing accusation is said again this often, and forgotten by the others when not heard for three times as long.',
    ),
    times(
      'secondConnectionMs',
      100,
      60_000,
      'Silence after which a second connection is tried: under packet loss one connection can stall for seconds. Not above silenceMsMin, or the live are buried first.',
    ),
    times('dialTimeoutMs', 100, 60_000, 'Time limit of one dial.'),
    times(
      'refusedWindowMs',
      100,
      60_000,
      'A re-dial refused within this time of the close by the remote is evidence that its process is gone.',
    ),
    times(
      'lateMs',
      150,
      60_000,
      'A tick this late means that this node itself stood still, and that the silence is its own. More than one tick (100ms), less than silenceMsMin.',
    ),
    times('syncIntervalMs', 1_000, DAY_MS, 'How often all that is known is exchanged with one random peer.'),
    times(
      'redialMsMin',
      50,
      DAY_MS,
      'Seeds and dead members are dialled again after this, doubling up to redialMsMax.',
    ),
    times(
      'redialMsMax',
      50,
      DAY_MS,
      'Ceiling of that. Not below redialMsMin. It is also how long a healed partition may go unnoticed.',
    ),
    times(
      'massDeathMs',
      0,
      600_000,
      'In available mode, when more than half would be dead: wait this long and dial again before believing it.',
    ),
    times(
      'tombstoneMs',
      1_000,
      30 * DAY_MS,
      'Dead and departed members are remembered, and the dead re-dialled, this long. Above redialMsMax.',
    ),
    {
      key: 'membership.membersMax',
      type: whole(2, 1_000),
      default: defaults.membersMax,
      doc: 'Members known at most; more are refused and counted. 1,000 is what messages have room for.',
    },
  ]
}

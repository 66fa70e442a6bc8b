import type { Now } from '../base/time.ts'
import type { GrantRefused } from '../grants/messages.ts'
import type { Node } from './node.ts'
import type { Metric } from './status.ts'
import { grantsOf } from './views.ts'

/** What the grants count since boot, and under which name it is shown. */
const COUNTERS: Readonly<Record<string, readonly [name: string, help: string]>> = {
  requests: ['grant_requests_total', 'Requests to voters for leave to act.'],
  granted: ['grants_given_total', 'Requests that this node granted as a voter.'],
  stale: ['grant_requests_stale_total', 'Requests dropped because a later one had come before.'],
  dropped: ['promises_dropped_total', 'Promises that ended early because their node was seen to be gone.'],
  grantsLate: ['grants_late_total', 'Grants that came too late to count.'],
  fenced: ['self_fences_total', 'Times all grants were given up because the links to a quorum were gone.'],
  clockStops: [
    'clock_stops_total',
    'Times all grants were given up because this machine had been suspended.',
  ],
  outranked: ['outranked_total', 'Times all grants were given up because another node had taken a key over.'],
  notesSettled: ['ring_notes_settled_total', 'Times this voter could forget all rings but the present one.'],
  notesOverflowed: [
    'ring_notes_overflowed_total',
    'Times this voter had to forget notes before they were settled.',
  ],
  overflows: ['keeps_overflows_total', 'Times more lost keys still drained than can be kept.'],
  ringsRefused: ['grant_rings_refused_total', 'Rings told by peers that were not what was asked for.'],
  termsChosen: ['terms_chosen_total', 'Fencing terms chosen.'],
  termsRefused: [
    'terms_refused_total',
    'Messages that count as not sent, because they tell of a fencing term that no cluster comes to.',
  ],
  voterConflicts: ['voter_conflicts_total', 'Voter lists told by peers that contradict the one known here.'],
}

const GAUGES: typeof COUNTERS = {
  promises: ['promises', 'Promises to members that stand, on this voter.'],
  rings: ['grant_rings', 'Rings known by their checksum.'],
  notes: ['ring_notes', 'Rings under which somebody may have written, on this voter.'],
  notesLost: ['ring_notes_lost', '1 while this voter may not know of all such rings.'],
  tenures: ['tenures', 'Fencing terms in use by this node.'],
}

const REASONS = {
  ring: true,
  voters: true,
  session: true,
  silent: true,
  'not-a-voter': true,
} satisfies Record<GrantRefused['reason'], true>

/** Where this node stands with the right to act; nothing while all is in available mode. */
export function grantsMetrics(node: Node, now: Now): Metric[] {
  if (node.grants === undefined) return []
  const standing = grantsOf(node, now)
  const counts = node.grants.counters()
  const gauge = (name: string, help: string, value: number): Metric => metric('gauge', name, help, value)
  return [
    gauge('lease', '1 while this node holds a quorum of grants.', standing.leaseForMs === undefined ? 0 : 1),
    gauge('lease_ms', 'Time until it runs out unless it is renewed.', Math.round(standing.leaseForMs ?? 0)),
    gauge('voter', '1 when this node is a voter.', standing.voter ? 1 : 0),
    gauge('granting', '1 when this voter grants.', standing.granting ? 1 : 0),
    gauge(
      'voters',
      'Voters in the list known here; 0 before there is one.',
      standing.voters?.names.length ?? 0,
    ),
    gauge('voters_version', 'Version of that list.', standing.voters?.version ?? 0),
    gauge('grants_held', 'Voters whose grants this node holds.', standing.grantedBy.length),
    gauge('grant_exceptions', 'Promises to others that these grants name.', standing.exceptions),
    gauge('keeps', 'Lost keys whose work still drains.', standing.keeps.length),
    gauge('term', 'The fencing term under which this node gained keys last.', standing.term),
    gauge('term_top', 'The highest fencing term that this voter knows.', standing.top),
    ...named(COUNTERS, 'counter', counts),
    ...named(GAUGES, 'gauge', counts),
    {
      name: 'grants_refused_total',
      type: 'counter',
      help: 'Requests that this node refused as a voter, by reason.',
      samples: Object.keys(REASONS).map(reason => ({ labels: { reason }, value: counts[reason] ?? 0 })),
    },
  ]
}

const named = (
  names: typeof COUNTERS,
  type: Metric['type'],
  counts: Readonly<Record<string, number>>,
): Metric[] => Object.entries(names).map(([key, [name, help]]) => metric(type, name, help, counts[key] ?? 0))

const metric = (type: Metric['type'], name: string, help: string, value: number): Metric => ({
  name,
  help,
  type,
  samples: [{ value }],
})

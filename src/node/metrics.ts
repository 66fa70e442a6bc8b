import type { Now } from '../base/time.ts'
import { divergenceOf } from './divergence.ts'
import { grantsMetrics } from './grants-metrics.ts'
import type { Node } from './node.ts'
import type { Metric } from './status.ts'
import { agreementOf, readinessOf, statusOf } from './views.ts'

/** The core's metrics; tasks bring their own. */
export function nodeMetrics(node: Node, now: Now): Metric[] {
  const status = statusOf(node, now)
  const counters = node.membership.counters()
  return [
    one('members', 'gauge', 'Members by status, in this node’s opinion.', byLabel('status', status.members)),
    one('ring_members', 'gauge', 'Members of the ring.', status.ring.members),
    one('ring_agreement_ratio', 'gauge', 'Share of the other members with the same ring.', agreementOf(node)),
    one(
      'members_of_other_mode',
      'gauge',
      'Living members that ask leave for other keys, or count other numbers of copies, than this node does; should be 0.',
      membersOfOtherMode(node),
    ),
    one('ready', 'gauge', '1 when this node is ready.', readinessOf(node, now).ready ? 1 : 0),
    one(
      'island',
      'gauge',
      '1 when this node is alone although it has seeds.',
      node.membership.island ? 1 : 0,
    ),
    one(
      'node_id_taken',
      'gauge',
      '1 while this node stands aside for another of its name.',
      node.membership.nameTaken === undefined ? 0 : 1,
    ),
    one(
      'implausible_incarnations_total',
      'counter',
      'Records dropped for an incarnation centuries ahead of the clock.',
      counters.implausible,
    ),
    one('incarnation', 'gauge', 'Incarnation of this node.', status.incarnation),
    one('boot', 'gauge', 'Boot number of this node.', status.boot),
    one('uptime_ms', 'gauge', 'Milliseconds since start.', status.uptimeMs),
    one('standstills_total', 'counter', 'Times this node stood still.', counters.standstills),
    one(
      'backlogs_total',
      'counter',
      'Times that what peers said waited here for longer than a tick may be late.',
      counters.backlogs,
    ),
    one('accusations_total', 'counter', 'Accusations by this node.', counters.accusations),
    one('verdicts_total', 'counter', 'Members that this node found dead.', counters.deaths),
    one('refutations_total', 'counter', 'Claims about itself that this node refuted.', counters.refutations),
    one('refusals_total', 'counter', 'Peers refused at hello.', counters.refusals),
    one(
      'second_connections_total',
      'counter',
      'Second connections to silent peers.',
      counters.secondConnections,
    ),
    one('roster_full_total', 'counter', 'Members not taken because the roster is full.', counters.rosterFull),
    one('ungreeted_frames_total', 'counter', 'Frames before a hello, dropped.', counters.ungreetedDropped),
    one(
      'stranger_gossip_total',
      'counter',
      'Gossip of authors that are no members, dropped.',
      counters.strangersDropped,
    ),
    one('unsendable_frames_total', 'counter', 'Frames for members without a link, dropped.', node.unsendable),
    one('cordoned', 'gauge', '1 while this node is asked to own nothing.', status.cordoned ? 1 : 0),
    ...divergenceMetrics(node),
    ...grantsMetrics(node, now),
    ...node.history.metrics(),
    ...node.placer.metrics(),
    ...node.tasks.metrics(),
    ...node.looks.metrics(),
  ]
}

/** One sample a peer that differs: none while all agree. */
function divergenceMetrics(node: Node): Metric[] {
  const { shares, unknown } = divergenceOf(node)
  const samples = [...shares].map(([peer, value]) => ({ labels: { peer }, value }))
  return [
    one('divergent_keys_ratio', 'gauge', 'Share of the keys that a peer gives to another owner.', samples),
    one('divergent_keys_ratio_max', 'gauge', 'The largest of these.', Math.max(0, ...shares.values())),
    one('rings_unknown', 'gauge', 'Peers with another ring that could not be compared.', unknown),
  ]
}

function one(name: string, type: Metric['type'], help: string, value: number | Metric['samples']): Metric {
  return { name, type, help, samples: typeof value === 'number' ? [{ value }] : value }
}

function byLabel(label: string, values: Readonly<Record<string, number>>): Metric['samples'] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }))
}

const membersOfOtherMode = ({ membership }: Node): number =>
  membership.roster.living().filter(({ record }) => membership.heartbeats.modesDiffer(record.id)).length

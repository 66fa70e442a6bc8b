import { z } from 'zod'
import { KEY_BYTES_MAX, NODE_ID_PATTERN } from '../../base/ids.ts'
import { grantsDefaults, NAMED_VOTERS_MAX, VOTERS_MAX } from '../../grants/config.ts'
import type { Option, OptionType } from '../option.ts'
import { boolean, distinctListOf, duration, oneOf, structure, text, whole } from '../option-type.ts'
import { strict } from '../shapes.ts'

/** Every key that is asked for is compared with each of them. */
const MODES_MAX = 256

const mode = oneOf(['available', 'quorum'])

const prefix = text(
  `a text of at most ${KEY_BYTES_MAX} bytes`,
  value => Buffer.byteLength(value) <= KEY_BYTES_MAX,
)

const modesExpected = `a list of at most ${MODES_MAX}, each {prefix, mode} with a prefix of its own`

const modesType: OptionType = structure(
  'list of {prefix, mode}',
  modesExpected,
  z
    .array(strict({ prefix: prefix.schema, mode: mode.schema }), { error: modesExpected })
    .max(MODES_MAX, { error: modesExpected })
    .superRefine((modes, context) => {
      for (const [place, each] of modes.entries()) {
        if (modes.findIndex(({ prefix }) => prefix === each.prefix) === place) continue
        const message = 'a prefix that no entry before it has'
        context.addIssue({ code: 'custom', path: [place, 'prefix'], message })
      }
    }),
)

const voterName = text(
  'the node id of a voter: letters, digits, ".", "_" and "-", 128 at most, beginning and ending with a letter or digit',
  NODE_ID_PATTERN,
  'name',
)

export function grantsOptions(): readonly Option[] {
  const defaults = grantsDefaults()
  return [
    {
      key: 'mode',
      place: 'grants.mode',
      type: mode,
      default: undefined,
      defaultText: 'the mode `quorum` where `expectedNodes` or `voters` is set, else `available`',
      doc: '`quorum`: at most one node acts for a key, and a side of a partition without a quorum of the voters stops. `available`: every side keeps working, so work may run on both. `quorum` needs `expectedNodes` or `voters`. The same on all nodes.',
    },
    {
      key: 'modes',
      place: 'grants.modes',
      type: modesType,
      default: [...defaults.modes],
      doc: 'Modes of keys that begin with a prefix; the longest fitting prefix decides. The same on all nodes.',
    },
    {
      key: 'expectedNodes',
      place: 'grants.expectedNodes',
      type: whole(1, 10_000),
      default: defaults.expectedNodes,
      reload: 'first-list',
      doc: `So many nodes make up the cluster at first: the first time that this many are there, they become the voters, the ${VOTERS_MAX} lowest names where they are more than that. Until then nobody acts in quorum mode. Those that come later never become voters by themselves (\`roundtable voters add\`). The same on all nodes, and more than half of those that will ever be started before the first list is made.`,
    },
    {
      key: 'voters',
      place: 'grants.voters',
      type: distinctListOf(voterName, NAMED_VOTERS_MAX),
      default: [...defaults.voters],
      reload: 'first-list',
      doc: 'The voters by name, instead of the first `expectedNodes`. Read once, for the first list; changed by `roundtable voters add` and `remove` afterwards. On the very first start nearly all of them must be up (all of 3, 4 of 5, 6 of 9); later more than half are enough. An odd number is best: 4 survive no more losses than 3. The same on all nodes.',
    },
    {
      key: 'grants.leaseMs',
      type: duration(1_000, 60_000),
      default: defaults.leaseMs,
      doc: 'The right to act ends this long after the last request that a quorum of voters granted was sent. Work is stopped from 0.5s before that on. Shorter frees the keys of a frozen or isolated node sooner and stops more nodes that were only slow. At least three times grants.renewMs, and 0.75s more than twice of it: one renewal may be lost, and the next must be back before work is stopped.',
    },
    {
      key: 'grants.promiseMs',
      type: duration(1_200, 120_000),
      default: defaults.promiseMs,
      doc: 'A voter keeps its promise for this long, and grants nothing for as long after its start. At least 1.1/0.9 times grants.leaseMs, since clocks may run 10 % too slow or too fast.',
    },
    {
      key: 'grants.renewMs',
      type: duration(50, 20_000),
      default: defaults.renewMs,
      doc: 'How often a node asks each voter for leave to act; above 200 members at least every 2.5 ms x members.',
    },
    {
      key: 'grants.trustRefused',
      type: boolean(),
      default: defaults.trustRefused,
      doc: 'A voter drops its promise at once when it saw itself that the remote end closed the connection and refused a new one: a crashed process frees its keys in a fraction of a second instead of promiseMs. Turn it off where something in the network resets and refuses connections on behalf of a live process, or where applications act on `owner/KEY` and may outlive their daemon.',
    },
    {
      key: 'joinDelayMs',
      type: duration(0, 600_000),
      default: 0,
      doc: 'A node that has joined owns no keys for this long after it is ready, as long as `tasks.durability` others own some. In a rolling restart each restart then moves keys in one step where it would have moved them back and forth. 0: it takes its keys at once.',
    },
  ]
}

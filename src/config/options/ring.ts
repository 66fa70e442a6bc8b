import { ringDefaults } from '../../ring/config.ts'
import type { Option } from '../option.ts'
import { only, whole } from '../option-type.ts'

export function ringOptions(): readonly Option[] {
  const defaults = ringDefaults()
  return [
    {
      key: 'ring.version',
      type: only(defaults.version),
      default: defaults.version,
      doc: 'Version of the placement rule. All nodes must agree on every value under `ring`; they compare them when they meet and refuse a mismatch.',
    },
    {
      key: 'ring.hash',
      type: only(defaults.hash),
      default: defaults.hash,
      doc: 'How a key becomes a position: the first four bytes of its MD5, as ketama does.',
    },
    {
      key: 'ring.vnodesPerWeight',
      type: whole(1, 1_000),
      default: defaults.vnodesPerWeight,
      doc: 'Virtual nodes of a member of weight 1, four points each. More balance better and make a new ring slower to build. Where all members have more than 102,400, each has half as many, or a quarter and so on.',
    },
    {
      key: 'ring.replicas',
      type: whole(1, 16),
      default: defaults.replicas,
      doc: 'Length of a preference list: how many nodes hold the records of a key.',
    },
  ]
}

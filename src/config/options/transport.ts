import { transportDefaults } from '../../adapters/libp2p/config.ts'
import { isAddress, isHost } from '../addresses.ts'
import type { Option } from '../option.ts'
import { listOf, text, whole } from '../option-type.ts'
import { pathType } from '../shapes.ts'

/** A member record carries at most 8 addresses. */
const ADVERTISE_MAX = 8

/** Peer ids in text: base58 multihash of an Ed25519 key (12D3KooW...) or of an older kind (Qm...). */
const PEER_ID = /^(?:12D3KooW[1-9A-HJ-NP-Za-km-z]{44}|Qm[1-9A-HJ-NP-Za-km-z]{44})$/

export function transportOptions(): readonly Option[] {
  const defaults = transportDefaults()
  return [
    {
      key: 'transport.host',
      type: text('an address or name of this machine', isHost, 'host'),
      default: defaults.host,
      doc: 'Address to listen on for peers. All traffic there is encrypted and authenticated.',
    },
    {
      key: 'transport.port',
      type: whole(0, 65_535),
      default: defaults.port,
      doc: 'Port to listen on for peers, and the port of seeds that name none. 0 takes a free one.',
    },
    {
      key: 'transport.advertise',
      type: listOf(text('host:port', isAddress, 'address'), ADVERTISE_MAX),
      default: defaults.advertise,
      doc: 'Addresses to tell the other nodes instead of what the socket says: for published ports and NAT.',
    },
    {
      key: 'transport.clusterKey',
      type: text('64 hexadecimal digits (`roundtable keygen` makes them)', /^[0-9a-fA-F]{64}$/, 'key'),
      secret: true,
      default: defaults.clusterKey,
      doc: 'Pre-shared key: whoever does not have it gets no connection. Without it anyone who knows the name of the cluster may join.',
    },
    {
      key: 'transport.clusterKeyFile',
      type: pathType,
      path: true,
      fileOf: 'transport.clusterKey',
      default: undefined,
      doc: 'File that holds the cluster key, such as a Docker or Kubernetes secret.',
    },
    {
      key: 'transport.allowPeers',
      type: listOf(text('a libp2p peer id (12D3KooW...)', PEER_ID, 'peer id'), 1_024),
      default: defaults.allowPeers,
      doc: 'When not empty, only these peers may connect.',
    },
  ]
}

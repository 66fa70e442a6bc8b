/** Where this node listens and which peers it talks to. */
export interface TransportConfig {
  /** Address to listen on for peers. */
  readonly host: string
  /** Port to listen on for peers; 0 takes a free one (and tells the others which). */
  readonly port: number
  /** `host:port` to tell other nodes instead of what the socket says (NAT, published ports). */
  readonly advertise: readonly string[]
  /** Pre-shared cluster key: 64 hex digits, from `roundtable keygen`. Without it anyone who knows the cluster name may join. */
  readonly clusterKey: string | undefined
  /** When not empty: only these libp2p peer ids may connect. */
  readonly allowPeers: readonly string[]
}

export const transportDefaults = (): TransportConfig => ({
  host: '0.0.0.0',
  port: 7946,
  advertise: [],
  clusterKey: undefined,
  allowPeers: [],
})

/** What a daemon says of its own configuration at start, since people expect it least. */
import { isLoopbackHost } from '../adapters/http/config.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../runtime/ports.ts'

export function sayMode({ grants }: Config, logger: Logger): void {
  if (grants.mode !== 'available') return
  const detail = 'every side of a partition keeps working: work may run on both'
  logger.log('warn', 'mode-available', { detail })
}

/** Without a word an empty variable, as a compose file makes of a key that is not set, looks like a key. */
export function sayOpenCluster({ transport, cluster }: Config, logger: Logger): void {
  const { host, clusterKey, allowPeers } = transport
  if (clusterKey !== undefined || allowPeers.length > 0 || isLoopbackHost(host)) return
  const detail =
    'whoever reaches the port for peers and knows the name of the cluster can join it, and be given and give it work: set ' +
    'transport.clusterKey or transport.clusterKeyFile (an empty variable counts as none), or transport.allowPeers'
  logger.log('warn', 'cluster-open', { host, cluster, detail })
}

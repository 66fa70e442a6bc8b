/** Placement. All nodes of a cluster must agree on every value here: they compare them at join and refuse a mismatch. */
export interface RingConfig {
  /** Version of the placement rule; raised only when the same members would get different owners. */
  readonly version: 1
  /** How a key becomes a position: the first four bytes of its MD5, as ketama does. */
  readonly hash: 'ketama-md5'
  /**
   * vnodes of a member of weight 1; each is four points on the circle. More points balance better and make building
   * the ring slower: with 100 (400 points) eight members own 12.5 % +- about 0.7 % each.
   */
  readonly vnodesPerWeight: number
  /** Length R of a preference list: how many nodes hold a key's records. */
  readonly replicas: number
}

export const ringDefaults = (): RingConfig => ({
  version: 1,
  hash: 'ketama-md5',
  vnodesPerWeight: 100,
  replicas: 3,
})

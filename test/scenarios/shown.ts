/** Which events a transcript shows, each with the fields that tell why. */

export interface Wanted {
  /** What comes of grants, terms, voter lists and tasks. */
  readonly keys: boolean
  /** Who suspects whom. */
  readonly claims: boolean
}

/** By event: the fields that are shown. */
export function shownOf({ keys, claims }: Wanted): ReadonlyMap<string, readonly string[]> {
  const all = Object.entries({ ...ALWAYS, ...(keys && OF_KEYS) })
  return new Map(all.filter(([event]) => claims || !CLAIMS.has(event)))
}

/** What an operator would see in the log, with the fields that tell why. */
const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  'member-alive': ['source'],
  'member-renewed': ['source'],
  'member-suspect': ['accuser', 'evidence'],
  'claim-withdrawn': ['accuser', 'reason'],
  verdict: ['reason', 'accusers'],
  'member-dead': ['source'],
  'member-leaving': ['source'],
  'member-left': ['source'],
  refuted: ['reason', 'by'],
  leaving: [],
  left: [],
  'stood-still': ['lateMs'],
  island: [],
  'island-over': [],
  'seed-trouble': ['seed', 'reason'],
  'peer-refused': ['code'],
  'join-refused': ['code'],
  ready: ['members'],
  'node-id-conflict': ['code'],
  'node-id-free': [],
  cordoned: ['reason'],
  uncordoned: ['reason'],
  'weight-changed': ['weight'],
  'member-cordoned': ['source'],
  'member-uncordoned': ['source'],
  'member-reweighted': ['source'],
  'member-forgotten': ['source'],
  'cannot-tell': [],
  'incarnation-implausible': ['from'],
}

/** Who suspects whom, which other transcripts show. */
const CLAIMS: ReadonlySet<string> = new Set([
  'member-suspect',
  'claim-withdrawn',
  'refuted',
  'member-renewed',
  'seed-trouble',
  'island',
  'island-over',
])

/** Besides, where keys are watched: what comes of grants, terms and voter lists, and of tasks. */
const OF_KEYS: Readonly<Record<string, readonly string[]>> = {
  'lease-gained': ['grantedBy'],
  'lease-lost': ['grantedBy'],
  fenced: ['linked'],
  'promise-dropped': ['node'],
  'clock-stood-still': ['voter'],
  outranked: ['term'],
  'top-learned': ['top', 'askedOf'],
  'voters-proposed': ['names'],
  voters: ['version', 'names', 'previous'],
  'voters-change-begun': ['names', 'before'],
  'voters-change-settled': ['by'],
  'voters-change-abandoned': ['names'],
  'voters-change-outbid': ['by'],
  'voters-conflict': ['from', 'names', 'mine'],
  'voters-overruled': ['by', 'names', 'mine'],
  'voters-reset': ['names', 'before'],
  'task-started': ['task', 'attempt'],
  'task-succeeded': ['task', 'attempt'],
  'task-fenced': ['task', 'attempt', 'reason'],
  'task-lost': ['task', 'attempt'],
  'task-retry': ['task', 'attempt', 'reason'],
}

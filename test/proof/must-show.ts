/**
 * What has to be shown before anybody is told that this works, and by which sections of the proof. A line holds when all of
 * its sections do; it is unproven where one of them could not run or was not asked for.
 */

export interface Line {
  readonly line: string
  readonly sections: readonly string[]
}

/** What one section came to. */
export interface SectionResult {
  readonly section: string
  readonly unproven?: string
  readonly shown: readonly { readonly holds: boolean | undefined }[]
}

export type Verdict = 'holds' | 'FAILS' | 'unproven'

export const MUST_SHOW: readonly Line[] = [
  {
    line: '10,000 seeds with every fault, no violation; broken rules are found, each by its seed',
    sections: ['simulation', 'breakages', 'traces'],
  },
  {
    line: 'the right to act alone, where every view may be wrong: no two act; its broken rules are found',
    sections: ['adversary', 'grants-mutants'],
  },
  {
    line: '8 to 1,000 simulated nodes: time to agree; frames that stay within 1.7 times from 16 on; real processes until two cores give out',
    sections: ['scale', 'processes'],
  },
  {
    line: 'eight hosts beside Serf: blackhole, 3|5, 4|4, one link, one way, loss, delay, heal; never two actors',
    sections: ['faults', 'network'],
  },
  {
    line: 'starvation: frozen, blocked, one core; nothing acts past its lease, nothing stale is taken',
    sections: ['faults'],
  },
  { line: 'rolling restart of all eight under load: moves, gaps, overlaps', sections: ['rolling'] },
  {
    line: 'kill -9, join, leave, restart: 50 of each, the worst printed; beside Serf',
    sections: ['operations', 'side-by-side'],
  },
  { line: 'every case of identity, in transcripts and with real processes', sections: ['identity'] },
  {
    line: 'the main job, with and without chaos; the shipped files expect their nodes',
    sections: ['main-job', 'chaos', 'configs'],
  },
  {
    line: '100,000 tasks while nodes are killed, frozen, cut off: no accepted one lost, one result, nothing stale taken',
    sections: ['ledger-disk-kept', 'ledger-disk-lost', 'ledger-two-lost', 'simulation', 'breakages'],
  },
  { line: 'tasks beside BullMQ and graphile-worker in one run', sections: ['tasks'] },
  { line: 'takeover of 10,000 queued tasks', sections: ['takeover'] },
  { line: 'a million queued: memory, and restart to serving', sections: ['million'] },
  { line: 'a cron every second through kills and a partition: each slot once', sections: ['cron'] },
  {
    line: 'disk full, read-only, a store cut or with a flipped byte, two daemons on one directory: a clear error each',
    sections: ['disks'],
  },
  { line: 'the examples of clients run; cancel from another node within a second', sections: ['clients'] },
  { line: 'fsync is real', sections: ['syncs', 'fsync'] },
  { line: 'those who judge all of this are tried on wrong histories', sections: ['judges'] },
]

/** @throws when a line names a section that there is not */
export function verdictOf(
  { line, sections }: Line,
  results: readonly SectionResult[],
  known: readonly string[],
): Verdict {
  const missing = sections.filter(name => !known.includes(name))
  if (missing.length > 0) throw new Error(`no section ${missing.join(', ')} for: ${line}`)
  const ran = sections.map(name => results.find(({ section }) => section === name))
  if (ran.some(result => result?.shown.some(({ holds }) => holds === false))) return 'FAILS'
  const isShown = (result: SectionResult | undefined): boolean =>
    result !== undefined && result.unproven === undefined && result.shown.some(({ holds }) => holds === true)
  return ran.every(isShown) ? 'holds' : 'unproven'
}

/** What was asked for: every line that one of these sections belongs to; without any, all. */
export const linesOf = (asked: readonly string[]): readonly Line[] =>
  MUST_SHOW.filter(({ sections }) => asked.length === 0 || sections.some(name => asked.includes(name)))

/** 0 only when each line that was asked for holds, and nothing beside them fails: what earlier sittings came to counts as well. */
export function exitCodeOf(
  asked: readonly string[],
  results: readonly SectionResult[],
  known: readonly string[],
): 0 | 1 {
  const shown = linesOf(asked).every(line => verdictOf(line, results, known) === 'holds')
  const failed = results
    .filter(({ section }) => asked.length === 0 || asked.includes(section))
    .some(result => result.shown.some(({ holds }) => holds === false))
  return shown && !failed ? 0 : 1
}

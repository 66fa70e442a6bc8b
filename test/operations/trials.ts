/**
 * One act on a running cluster of eight, and how long it took until everybody knew and somebody acted again: a kill -9, a
 * join, a leave, a restart. Each trial leaves the cluster whole, and fails loudly when it does not become so.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Cluster, ringOf, until } from './cluster.ts'
import { bothActed, OwnerPolls } from './owner-polls.ts'

export const KINDS = ['kill', 'join', 'leave', 'restart', 'asked'] as const
export type Kind = (typeof KINDS)[number]

/** Measurements of one trial by name: ms, or counts. */
export type Figures = Readonly<Record<string, number>>

/** Keys of the node in question whose right to act is followed. */
const KEYS_FOLLOWED = 5
const KEYS = Array.from({ length: 400 }, (_, i) => `operations/${i}`)

/** A random pause of up to this, in ms, so that acts fall at any moment of the probes' rhythm. */
const DEPHASE_MS = 600

const ALIVE = ['member-alive', 'member-renewed']

export const TRIALS: Readonly<Record<Kind, (cluster: Cluster, round: number) => Promise<Figures>>> = {
  kill,
  join,
  leave,
  restart,
  asked,
}

/** Another one each time, the seeds too. */
const victimOf = (cluster: Cluster, round: number): string =>
  cluster.names[(round * 3 + 1) % cluster.names.length] ?? ''

/** Keys that a node owns while all these are there, each with who owns it without that node. */
function keysOf(node: string, members: readonly string[]): readonly { key: string; heir: string }[] {
  const [full, rest] = [ringOf(members), ringOf(members.filter(member => member !== node))]
  const own = KEYS.filter(key => full.owner(key) === node).slice(0, KEYS_FOLLOWED)
  return own.map(key => ({ key, heir: rest.owner(key) ?? '' }))
}

/**
 * Follows keys at those who have or will have the right. To ask is to be told what one may use for up to a lease, which
 * the next owner then has to wait for: so who is to go, or to come back, is not asked where that is not the question.
 */
function follow(cluster: Cluster, node: string, keys: readonly { key: string; heir: string }[]): OwnerPolls {
  const polls = followHeirs(cluster, keys)
  polls.follow({ node, url: cluster.url(node), keys: keys.map(({ key }) => key) })
  return polls
}

function followHeirs(cluster: Cluster, keys: readonly { key: string; heir: string }[]): OwnerPolls {
  const polls = new OwnerPolls()
  for (const [heir, theirs] of Map.groupBy(keys, each => each.heir))
    polls.follow({ node: heir, url: cluster.url(heir), keys: theirs.map(({ key }) => key) })
  return polls
}

/** Waits until every key is acted for by its heir. @returns the longest time since `since` that one waited, ms */
async function inherited(polls: OwnerPolls, keys: readonly { key: string; heir: string }[], since: number) {
  return await until('every key of the one that went is acted for', () => {
    const spans = keys.map(({ key, heir }) => polls.acting(heir, key, since))
    if (!spans.every(span => span !== undefined)) return undefined
    return Math.max(0, ...spans.map(span => span.from - since))
  })
}

/** Longest time in which nobody acted for one of the keys, from the last yes of the old to the first yes of the new one. */
function longestGap(
  polls: OwnerPolls,
  from: (key: string) => string,
  to: (key: string) => string,
  keys: readonly string[],
) {
  const gaps = keys.map(key => {
    const next = polls.spans.findLast(span => span.node === to(key) && span.key === key)
    const old = next && polls.spans.findLast(s => s.node === from(key) && s.key === key && s.from < next.from)
    return old === undefined || next === undefined ? Number.POSITIVE_INFINITY : next.from - old.to
  })
  return Math.max(...gaps)
}

async function follows(polls: OwnerPolls, node: string, keys: readonly string[], since: number) {
  return await until(`${node} acts for its keys`, () => {
    const spans = keys.map(key => polls.acting(node, key, since))
    return spans.every(span => span !== undefined) ? Math.max(...spans.map(span => span.from)) : undefined
  })
}

async function kill(cluster: Cluster, round: number): Promise<Figures> {
  const victim = victimOf(cluster, round)
  const survivors = cluster.others(victim)
  const keys = keysOf(victim, cluster.names)
  await pause(Math.random() * DEPHASE_MS)
  const polls = follow(cluster, victim, keys)
  await follows(
    polls,
    victim,
    keys.map(({ key }) => key),
    0,
  )
  const since = Date.now()
  cluster.signal(victim, 'SIGKILL')
  const known = await cluster.everyFirst(survivors, ['member-dead'], since, victim)
  const gap = await inherited(polls, keys, since)
  await polls.stop()
  const both = bothActed(polls.spans).length
  const back = await comesBack(cluster, victim)
  // Looked at after it came back: what is found out late counts too, and from then on so does its own death.
  const falseDeaths = [...cluster.falseDeaths(since, [victim]), ...cluster.falseDeaths(back.at, [])]
  return {
    'until EVERY survivor says dead': known - since,
    'until another acts for every key of it': gap,
    'then started again: from listening until all agree on the ring': back.agreed,
    'false deaths': new Set(falseDeaths).size,
    'keys that two acted for': both,
    'error of the key figures': Math.max(...polls.errorsMs),
  }
}

/** @returns when all agreed on the ring again, wall clock, and how long that was after it listened; in ms */
async function comesBack(cluster: Cluster, name: string) {
  await cluster.process(name).exited
  const since = Date.now()
  cluster.launch(name)
  const listening = await cluster.everyFirst([name], ['listening'], since)
  const agreed = await cluster.agreed(cluster.names, cluster.names)
  await cluster.whole()
  return { at: agreed, agreed: agreed - listening }
}

/** A node that nobody has ever met: new name, key, disk and ports. It goes again afterwards. */
async function join(cluster: Cluster, round: number): Promise<Figures> {
  const guest = `guest-${round}`
  const members = [...cluster.names, guest]
  await pause(Math.random() * DEPHASE_MS)
  const since = Date.now()
  await cluster.guest(guest)
  const keys = keysOf(guest, members)
  const polls = follow(cluster, guest, keys)
  const listening = await cluster.everyFirst([guest], ['listening'], since)
  const seen = await cluster.everyFirst(cluster.names, ALIVE, since, guest)
  const agreed = await cluster.agreed(members, members)
  const acts = await follows(
    polls,
    guest,
    keys.map(({ key }) => key),
    since,
  )
  const ready = await cluster.ready(guest)
  await polls.stop()
  cluster.signal(guest, 'SIGTERM')
  await cluster.everyFirst(cluster.names, ['member-left'], since, guest)
  await cluster.process(guest).exited
  await cluster.whole()
  const falseDeaths = cluster.falseDeaths(since, []).length
  return {
    'from listening until EVERY member sees it and all rings are one': Math.max(seen, agreed) - listening,
    'from the start of its process until then': Math.max(seen, agreed) - since,
    'from listening until it acts for its keys': acts - listening,
    'from listening until ready': ready - listening,
    'false deaths': falseDeaths,
    'keys that two acted for': bothActed(polls.spans).length,
    'error of the key figures': Math.max(...polls.errorsMs),
  }
}

async function leave(cluster: Cluster, round: number): Promise<Figures> {
  const victim = victimOf(cluster, round)
  const keys = keysOf(victim, cluster.names)
  await pause(Math.random() * DEPHASE_MS)
  const polls = followHeirs(cluster, keys)
  const since = Date.now()
  cluster.signal(victim, 'SIGTERM')
  const others = cluster.others(victim)
  const leaving = await cluster.everyFirst(others, ['member-leaving', 'member-left'], since, victim)
  const left = await cluster.everyFirst(others, ['member-left'], since, victim)
  const gap = await inherited(polls, keys, since)
  const { code } = await cluster.process(victim).exited
  const gone = Date.now()
  await polls.stop()
  await comesBack(cluster, victim)
  return {
    'until EVERY survivor knows that it leaves': leaving - since,
    'until EVERY survivor says left': left - since,
    'until another acts for every key of it': gap,
    'until its process was gone': gone - since,
    'exit codes other than 0': code === 0 ? 0 : 1,
    // Looked at after it came back: what is found out late counts too.
    'times it was taken for dead, or another was': cluster.falseDeaths(since, []).length,
    'keys that two acted for': bothActed(polls.spans).length,
    'error of the key figures': Math.max(...polls.errorsMs),
  }
}

/** A restart while applications ask everywhere and use every answer to its end: each handoff waits for the last one. */
async function asked(cluster: Cluster, round: number): Promise<Figures> {
  const victim = victimOf(cluster, round)
  const keys = keysOf(victim, cluster.names)
  const names = keys.map(({ key }) => key)
  const heirs = new Map(keys.map(({ key, heir }) => [key, heir]))
  const heirOf = (key: string): string => heirs.get(key) ?? ''
  await pause(Math.random() * DEPHASE_MS)
  const polls = follow(cluster, victim, keys)
  await follows(polls, victim, names, 0)
  const since = Date.now()
  cluster.signal(victim, 'SIGTERM')
  await inherited(polls, keys, since)
  const going = longestGap(polls, () => victim, heirOf, names)
  await cluster.process(victim).exited
  const started = Date.now()
  cluster.launch(victim)
  await follows(polls, victim, names, started)
  await cluster.whole()
  await polls.stop()
  return {
    'longest time that nobody acted for a key, as it went': going,
    'longest time that nobody acted for a key, as it came back': longestGap(
      polls,
      heirOf,
      () => victim,
      names,
    ),
    'times it was taken for dead, or another was': cluster.falseDeaths(since, []).length,
    'keys that two acted for': bothActed(polls.spans).length,
    'error of the key figures': Math.max(...polls.errorsMs),
  }
}

/** As an orchestrator does it: SIGTERM, wait for the end of the process, start it again on the same disk. */
async function restart(cluster: Cluster, round: number): Promise<Figures> {
  const victim = victimOf(cluster, round)
  const keys = keysOf(victim, cluster.names).map(({ key }) => key)
  await pause(Math.random() * DEPHASE_MS)
  const since = Date.now()
  cluster.signal(victim, 'SIGTERM')
  await cluster.process(victim).exited
  const started = Date.now()
  cluster.launch(victim)
  const polls = new OwnerPolls()
  polls.follow({ node: victim, url: cluster.url(victim), keys })
  const listening = await cluster.everyFirst([victim], ['listening'], started)
  const agreed = await cluster.agreed(cluster.names, cluster.names)
  const acts = await follows(polls, victim, keys, listening)
  const ready = await cluster.ready(victim)
  await polls.stop()
  return {
    'from listening until all agree on the ring and it acts for its keys': Math.max(agreed, acts) - listening,
    'from listening until all agree on the ring': agreed - listening,
    'from the start of its process until all agree and it acts': Math.max(agreed, acts) - started,
    'from SIGTERM until all agree and it acts': Math.max(agreed, acts) - since,
    'from listening until ready (it grants too)': ready - listening,
    'times it was taken for dead, or another was': cluster.falseDeaths(since, []).length,
    'error of the key figures': Math.max(...polls.errorsMs),
  }
}

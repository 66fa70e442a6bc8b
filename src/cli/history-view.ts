/** What a node remembers of a key's owners, for people. Times are UTC, as in its log. */
import type { Explanation, KeyHistory, LedgerEntry, OwnerChange } from '../node/status.ts'
import { printable, table } from './table.ts'

export const ledgerText = ({ event, text }: LedgerEntry): string => `${event}: ${text}`

const timeText = (ms: number): string => new Date(ms).toISOString()

export interface OwnerThen {
  readonly at: number
  /** False: the node asked has no memory of that time. */
  readonly known: boolean
  readonly owner: string | undefined
  /** The change that made it so, where it was seen. */
  readonly change: OwnerChange | undefined
  /** Why nobody owned it, where no change was seen that says so. */
  readonly unowned?: string
}

/** Who owned the key at a time (wall clock ms)? */
export function ownerAt({ history, owner, unowned }: Explanation, at: number): OwnerThen {
  const change = history.owners.find(each => each.at <= at)
  if (change !== undefined) return { at, known: true, owner: change.to, change }
  if (at < history.since) return { at, known: false, owner: undefined, change: undefined }
  const first = history.owners.at(-1)
  if (first !== undefined) return { at, known: true, owner: first.from, change: undefined }
  // As it travels, the owner of a key that nobody owns is null.
  const now = { at, known: true, owner: owner ?? undefined, change: undefined }
  return unowned === undefined ? now : { ...now, unowned }
}

export function ownerThenText(key: string, then: OwnerThen, since: number): string {
  const { at, known, owner, change, unowned } = then
  if (!known) return `The node asked has no memory of ${timeText(at)}, only from ${timeText(since)} on.\n`
  const why = unowned === undefined ? '' : `  ${printable(unowned)}\n`
  const said = `At ${timeText(at)} the owner of ${printable(key)} was ${owner ?? 'nobody'}.\n${why}`
  return change === undefined ? said : `${said}${changeText(change)}`
}

/** Every change of the owner, newest first, each with what the ledgers say of it. */
export function historyText({ since, owners, rightsSince, rights }: KeyHistory): string {
  const changes = owners.map(changeText).join('')
  const head = `Owners that this node has seen since ${timeText(since)}, newest first:\n`
  const periods =
    rights.length === 0 ? '' : `\nThis node had the right to act for it:\n${rightsTable(rights, rightsSince)}`
  return `${head}${changes === '' ? '  always the same\n' : changes}${periods}`
}

function changeText({ at, from, to, ring, causes }: OwnerChange): string {
  const reasons = causes.map(({ member, change, ledger }) => {
    const lines = ledger.map(line => `      ${timeText(line.at)}  ${printable(ledgerText(line))}\n`)
    return `    ${printable(member)} ${CHANGES[change]}\n${lines.join('')}`
  })
  const head = `  ${timeText(at)}  ${from ?? 'nobody'} -> ${to ?? 'nobody'}, ring ${ring}\n`
  return `${head}${reasons.join('')}`
}

const CHANGES = {
  joined: 'came into the ring',
  gone: 'went out of the ring',
  weight: 'has another weight',
} as const

/** What was before the node's memory of it begins may have been longer. */
const rightsTable = (rights: KeyHistory['rights'], since: number): string =>
  table(rights, [
    { title: '  FROM', cell: ({ from }) => `  ${timeText(from)}${from === since ? ' or before' : ''}` },
    { title: 'UNTIL', cell: right => (right.until === undefined ? 'now' : timeText(right.until)) },
    { title: 'FENCING TOKEN', cell: ({ token }) => token },
  ])

const DAY_MS = 86_400_000

/** A full time, or a time of day of the last 24 hours; undefined when it is neither. */
export function timeOf(text: string, now: number): number | undefined {
  const [, hours, minutes, seconds = '0'] = /^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))?$/.exec(text) ?? []
  if (hours === undefined || minutes === undefined) {
    const at = /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN
    return Number.isNaN(at) ? undefined : at
  }
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) >= 60) return undefined
  const ofDay = (Number(hours) * 60 + Number(minutes)) * 60_000 + Math.round(Number(seconds) * 1_000)
  const at = Math.floor(now / DAY_MS) * DAY_MS + ofDay
  return at > now ? at - DAY_MS : at
}

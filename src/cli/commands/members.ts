import type { LedgerEntry, MemberView } from '../../node/status.ts'
import { clientOf } from '../client.ts'
import { type Call, flag } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { ledgerText } from '../history-view.ts'
import { type Colour, duration, paint, sheet, table } from '../table.ts'
import type { Output } from '../terminal.ts'

const COLOURS: Record<MemberView['opinion'], Colour> = {
  alive: 'green',
  suspect: 'yellow',
  dead: 'red',
  left: 'dim',
}

export async function run(call: Call): Promise<number> {
  const { args, json, terminal } = call
  const name = args[0]
  if (name !== undefined) return await showMember(call, name)
  const answer = await clientOf(call).get<MembersAnswer>('/v1/members')
  const text = flag(call.values, 'why') ? whyTable : memberTable
  terminal.out.write(json ? `${JSON.stringify(answer)}\n` : text(answer.members, terminal.out))
  return EXIT.ok
}

/** One member from all sides, with the ledger of why it is believed to be what it is. */
export async function showMember(call: Call, name: string): Promise<number> {
  const { json, terminal } = call
  const member = await clientOf(call).get<MemberDetail>(`/v1/members/${encodeURIComponent(name)}`)
  terminal.out.write(json ? `${JSON.stringify(member)}\n` : memberSheet(member, terminal.out))
  return EXIT.ok
}

interface MembersAnswer {
  readonly members: readonly MemberView[]
}

type MemberDetail = MemberView & { readonly ledger: readonly LedgerEntry[] }

const statusWord = (member: MemberView, out: Output): string =>
  paint(
    out,
    COLOURS[member.opinion],
    member.leaving && member.opinion === 'alive' ? 'leaving' : member.opinion,
  )

const heard = (member: MemberView): string =>
  member.self ? 'self' : duration(member.lastHeardMs ?? undefined)

function memberTable(members: readonly MemberView[], out: Output): string {
  return table(members, [
    { title: 'NODE', cell: member => member.id },
    { title: 'STATUS', cell: member => statusWord(member, out) },
    { title: 'ADDRESS', cell: member => member.addresses[0] },
    { title: 'WEIGHT', cell: member => member.weight, right: true },
    { title: 'HEARD', cell: heard, right: true },
    {
      title: 'RTT',
      cell: member => (member.rttMs == null ? '-' : `${member.rttMs.toFixed(1)} ms`),
      right: true,
    },
    { title: 'RING', cell: member => member.ringChecksum },
    { title: 'NOTE', cell: noteOf },
  ])
}

function whyTable(members: readonly MemberView[], out: Output): string {
  return table(members, [
    { title: 'NODE', cell: member => member.id },
    { title: 'STATUS', cell: member => statusWord(member, out) },
    { title: 'SINCE', cell: member => (member.why ? new Date(member.why.at).toISOString() : '-') },
    { title: 'WHY', cell: member => (member.why ? ledgerText(member.why) : '-') },
  ])
}

function noteOf(member: MemberView): string {
  const notes = [
    ...(member.cordoned === true ? ['cordoned'] : []),
    ...(member.linkFault ? ['only the link from here is silent'] : []),
    ...(member.modesDiffer ? ['acts by other rules'] : []),
    ...(member.claims.length > 0 ? [`accused by ${member.claims.length}`] : []),
  ]
  return notes.join(', ')
}

function memberSheet(member: MemberDetail, out: Output): string {
  const head = sheet([
    ['node', member.id],
    ['status', statusWord(member, out)],
    ['peer id', member.peerId],
    ['incarnation', member.incarnation],
    ['addresses', member.addresses.join(', ')],
    ['weight', member.weight],
    ['heard', heard(member)],
    ['round trip', member.rttMs == null ? '-' : `${member.rttMs.toFixed(1)} ms`],
    ['accused after', `${Math.round(member.silenceLimitMs)} ms of silence`],
    ['links', member.links],
    ['ring', member.ringChecksum],
  ])
  const claims = member.claims.map(claim => `  ${JSON.stringify(claim)}\n`)
  const ledger = (member.ledger ?? []).map(
    entry => `  ${new Date(entry.at).toISOString()}  ${ledgerText(entry)}\n`,
  )
  return [
    head,
    ...(claims.length > 0 ? ['\nClaims against it:\n', ...claims] : []),
    ...(ledger.length > 0 ? ['\nWhat happened:\n', ...ledger] : []),
  ].join('')
}

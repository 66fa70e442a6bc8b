import type { NodeStatus, Readiness } from '../../node/status.ts'
import { clientOf, type DaemonClient, problemOf } from '../client.ts'
import { type Call, flag } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { duration, paint, sheet } from '../table.ts'
import type { Output } from '../terminal.ts'

/** A health check that takes longer than this has failed, in ms; Docker's own limit is 30 s. */
const CHECK_MS = 5_000

export async function run(call: Call): Promise<number> {
  if (flag(call.values, 'ready')) return await ready(call, clientOf(call, CHECK_MS))
  if (flag(call.values, 'check')) return await check(call, clientOf(call, CHECK_MS))
  const status = await clientOf(call).get<NodeStatus>('/v1/status')
  call.terminal.out.write(call.json ? `${JSON.stringify(status)}\n` : describe(status, call.terminal.out))
  return EXIT.ok
}

async function check(call: Call, client: DaemonClient): Promise<number> {
  const answer = await client.request('GET', '/healthz')
  const alive = answer.status === 200
  if (call.json) call.terminal.out.write(`${JSON.stringify({ alive })}\n`)
  else call.terminal.out.write(alive ? 'alive\n' : `not alive: HTTP status ${answer.status}\n`)
  return alive ? EXIT.ok : EXIT.failed
}

async function ready(call: Call, client: DaemonClient): Promise<number> {
  const answer = await client.request('GET', '/readyz')
  if (!isReadiness(answer.body)) throw problemOf('GET', answer)
  const { ready, reasons } = answer.body
  if (call.json) call.terminal.out.write(`${JSON.stringify({ ready, reasons })}\n`)
  else call.terminal.out.write(ready ? 'ready\n' : `not ready: ${because(answer.body)}\n`)
  return ready ? EXIT.ok : EXIT.failed
}

const isReadiness = (body: unknown): body is Readiness =>
  typeof body === 'object' && body !== null && 'ready' in body && 'reasons' in body

const because = ({ reasons }: Readiness): string =>
  reasons.map(({ code, detail }) => `${detail} (${code})`).join('; ')

function modeText({ mode, grants }: NodeStatus): string {
  if (mode === 'quorum') return 'quorum (at most one node acts for a key)'
  const some = grants.enabled ? '; some keys in quorum mode' : ''
  return `available (every side of a partition keeps working${some})`
}

/** Where the node stands with the right to act, where there is such a thing. */
function rightRows({ grants, cordoned }: NodeStatus): [string, string][] {
  const rows: [string, string][] = cordoned ? [['cordoned', 'it owns no keys']] : []
  if (!grants.enabled) return rows
  const names = grants.voters?.names ?? []
  const votes = grants.voter ? (grants.granting ? ', this node too' : ', this node too, but not yet') : ''
  const lease = grants.leaseForMs === undefined ? 'no, it does not act' : `for ${duration(grants.leaseForMs)}`
  return [
    ...rows,
    ['voters', names.length === 0 ? 'none yet' : `${names.join(', ')}${votes}`],
    ['quorum of grants', `${lease} (from ${grants.grantedBy.length} of ${names.length})`],
  ]
}

function describe(status: NodeStatus, out: Output): string {
  const { tasks } = status
  const states = Object.entries(tasks.owned).filter(([, count]) => count > 0)
  const members = Object.entries(status.members).filter(([, count]) => count > 0)
  const ready = status.ready.ready
    ? paint(out, 'green', 'yes')
    : paint(out, 'yellow', `no: ${because(status.ready)}`)
  return sheet([
    ['node', status.nodeId],
    ['cluster', status.cluster],
    ['mode', modeText(status)],
    ...rightRows(status),
    ['phase', status.phase],
    ['ready', ready],
    ['addresses', status.addresses.join(', ')],
    ['peer id', status.peerId],
    ['up', `${duration(status.uptimeMs)} (boot ${status.boot}, version ${status.version})`],
    ['members', members.map(([state, count]) => `${count} ${state}`).join(', ')],
    ['ring', `${status.ring.checksum}, ${Math.round(status.ring.agreement * 100)} % of the others agree`],
    [
      'tasks owned',
      states.length === 0 ? 'none' : states.map(([state, count]) => `${count} ${state}`).join(', '),
    ],
    ['copies held', tasks.held],
    [
      'since boot',
      `${tasks.started} started, ${tasks.succeeded} succeeded, ${tasks.retried} retried, ${tasks.forwarded} forwarded`,
    ],
  ])
}

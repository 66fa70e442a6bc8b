import type { GrantsStatus, NodeStatus } from '../../node/status.ts'
import { usage } from '../arguments.ts'
import { clientOf } from '../client.ts'
import { type Call, text } from '../command.ts'
import { order } from '../control.ts'
import { EXIT } from '../exit-code.ts'
import { duration, sheet, table } from '../table.ts'

type Voters = GrantsStatus & Pick<NodeStatus, 'mode'>

export async function run(call: Call): Promise<number> {
  const [verb = 'list', ...names] = call.args
  if (verb === 'list' && names.length === 0) return await list(call)
  const [node] = names
  if ((verb === 'add' || verb === 'remove') && names.length === 1) {
    return await order(call, `/v1/voters/${verb}`, { node })
  }
  if (verb !== 'reset' || names.length === 0) {
    const expected = 'list, add NODE, remove NODE or reset NODE...'
    throw usage('voters', [{ at: 'voters', expected, got: JSON.stringify(call.args.join(' ')) }])
  }
  const confirm = text(call.values, 'confirm')
  if (confirm === undefined)
    throw usage('voters', [{ at: '--confirm', expected: 'the name of the cluster', got: 'nothing' }])
  return await order(call, '/v1/voters/reset', { names, confirm })
}

async function list(call: Call): Promise<number> {
  const voters = await clientOf(call).get<Voters>('/v1/voters')
  call.terminal.out.write(call.json ? `${JSON.stringify(voters)}\n` : describe(voters))
  return EXIT.ok
}

function describe(found: Voters): string {
  if (!found.enabled) return 'available mode: nobody votes, every side of a partition keeps working\n'
  const { voters } = found
  if (voters === undefined) return 'no voter list yet: it is made once the expected nodes have been seen\n'
  const head = sheet([
    ['mode', found.mode],
    ['list', `version ${voters.version}${voters.previous ? ', changing' : ''}`],
    ['this node votes', found.voter ? (found.granting ? 'yes' : 'yes, but grants nothing yet') : 'no'],
    ['holds a quorum for', found.leaseForMs === undefined ? 'none' : duration(found.leaseForMs)],
    ['term', found.term],
    ...(found.topUnheard.length > 0
      ? [['highest term', `not known: waits for ${found.topUnheard.join(', ')}`] as const]
      : []),
    ['exceptions', found.exceptions],
    ['keeps', found.keeps.length],
  ])
  const names = [...new Set([...voters.names, ...(voters.previous ?? [])])]
  const rows = table(names, [
    { title: 'VOTER', cell: name => name },
    { title: 'GRANTS TO THIS NODE', cell: name => (found.grantedBy.includes(name) ? 'yes' : 'no') },
    { title: 'NOTE', cell: name => changeOf(name, voters) },
  ])
  return `${head}\n${rows}`
}

function changeOf(name: Voters['grantedBy'][number], { names, previous }: NonNullable<Voters['voters']>) {
  if (previous === undefined) return ''
  if (!previous.includes(name)) return 'being added'
  return names.includes(name) ? '' : 'being removed'
}

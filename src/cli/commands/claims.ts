import type { ClaimsView } from '../../runtime/claims.ts'
import { howFar } from '../attempt-view.ts'
import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { table } from '../table.ts'

/** What the clients of one node hold, and how many wait for more. */
export async function run(call: Call): Promise<number> {
  const view = await clientOf(call).get<ClaimsView>('/v1/claims')
  call.terminal.out.write(call.json ? `${JSON.stringify(view)}\n` : textOf(view))
  return EXIT.ok
}

function textOf({ types, waiting, held, claims }: ClaimsView): string {
  if (types.length === 0) return 'clients of this node carry out no tasks: executors.claim.types is empty\n'
  const clients = waiting === 1 ? '1 client waits' : `${waiting} clients wait`
  const tasks = held === 1 ? '1 task is held' : `${held} tasks are held`
  const head = `${clients} for tasks of ${types.join(', ')}; ${tasks}\n`
  if (claims.length === 0) return head
  const more = held > claims.length ? `the oldest ${claims.length} are shown\n` : ''
  const rows = table(claims, [
    { title: 'TASK', cell: claim => claim.task },
    { title: 'TYPE', cell: claim => claim.type },
    { title: 'TRY', cell: claim => claim.attempt, right: true },
    { title: 'CLIENT', cell: claim => claim.client },
    { title: 'STATE', cell: claim => claim.state },
    { title: 'SINCE', cell: claim => timeOf(claim.claimedAtMs) },
    { title: 'MAY ACT UNTIL', cell: claim => timeOf(claim.actingUntilMs) },
    { title: 'PROGRESS', cell: claim => (claim.progress === undefined ? '' : howFar(claim.progress)) },
  ])
  return `${head}${more}\n${rows}`
}

const timeOf = (wallMs: number): string => new Date(wallMs).toISOString().slice(11, 23)

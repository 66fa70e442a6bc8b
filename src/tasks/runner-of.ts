import type { NodeId } from '../base/ids.ts'
import type { OwnerRequest } from './messages.ts'
import type { Table } from './table.ts'
import type { View } from './view.ts'

interface Seen {
  readonly table: Table
  readonly view: View
}

/** Who is to be asked before the owner. Only once: whoever does not run it after all goes by the ring. */
export function runnerOf(request: OwnerRequest, hops: number, { table, view }: Seen): NodeId | undefined {
  if (request.kind !== 'cancel') return undefined
  if (table.get(request.task)?.place === 'here') return view.self
  const { runsOn = view.self } = request
  return hops === 0 && runsOn !== view.self && view.live.has(runsOn) ? runsOn : undefined
}

import type { RingView } from '../../node/status.ts'
import { clientOf } from '../client.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import { sheet, table } from '../table.ts'

export async function run(call: Call): Promise<number> {
  const ring = await clientOf(call).get<RingView>('/v1/ring')
  call.terminal.out.write(call.json ? `${JSON.stringify(ring)}\n` : describe(ring))
  return EXIT.ok
}

function describe(ring: RingView): string {
  const head = sheet([
    ['checksum', ring.checksum],
    ['version', ring.version],
    ['vnodes per weight', ring.vnodesPerWeight],
    ['copies of a record', ring.replicas],
  ])
  const members = table(ring.members, [
    { title: 'NODE', cell: member => member.id },
    { title: 'WEIGHT', cell: member => member.weight, right: true },
    { title: 'SHARE', cell: member => `${(member.share * 100).toFixed(1)} %`, right: true },
  ])
  return `${head}\n${members}`
}

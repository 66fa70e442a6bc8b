import { join } from 'node:path'
import { table } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { PACKAGE_DIRECTORY } from './file-job.ts'
import type { Fleet } from './fleet.ts'
import type { Setup } from './setup.ts'

/** Leaves the cluster up until Ctrl-C, or until its last daemon has ended; what the user does to them is their affair. */
export async function keepUp(fleet: Fleet, setup: Setup, terminal: Terminal, json: boolean): Promise<void> {
  const { interrupted, err, out } = terminal
  const over = Promise.withResolvers<void>()
  fleet.release(({ plan }) => {
    err.write(`${plan.name} has ended\n`)
    if (fleet.running.length === 0) over.resolve()
  })
  if (!json) out.write(invitation(fleet, setup))
  interrupted.addEventListener('abort', () => over.resolve(), { once: true })
  if (!interrupted.aborted) await over.promise
}

function invitation(fleet: Fleet, setup: Setup): string {
  const nodes = table(fleet.processes, [
    { title: 'NODE', cell: ({ plan }) => plan.name },
    { title: 'PID', cell: ({ pid }) => pid, right: true },
    { title: 'API', cell: ({ url }) => url },
    { title: 'PEERS', cell: ({ plan }) => plan.gossip },
    { title: 'LOG', cell: ({ plan }) => plan.logFile },
  ])
  const first = fleet.plans[0]
  const program = join(PACKAGE_DIRECTORY, 'bin', 'roundtable')
  const submit =
    setup.sha256sum === undefined
      ? `submit echo --key hello --payload '"hello"' --wait`
      : 'submit exec --command sha256sum --arg package.json --wait'
  return [
    '\nThe cluster stays up until Ctrl-C.\n\n',
    nodes,
    '\nTry in another terminal:\n',
    `  export ROUNDTABLE_URL=http://${first?.http}\n`,
    `  ${program} members\n`,
    `  ${program} owner some-key\n`,
    `  ${program} ${submit}\n`,
  ].join('')
}

/**
 * Where the daemons live: a network namespace each, where root may make them, so that they can be cut off from one
 * another; ports of loopback otherwise.
 */
import { freePorts } from '../../src/cli/cluster/ports.ts'
import { Hosts, hostsMissing } from '../faults/hosts.ts'

export interface Place {
  readonly name: string
  readonly host: number
  /** `HOST:PORT` for peers. */
  readonly gossip: string
  /** Ports of 127.0.0.1 there: of the daemon's API, and of the application beside it. */
  readonly http: number
  readonly application: number
  /** The command line that runs another one there. */
  readonly on: (command: string, args: readonly string[]) => readonly [string, readonly string[]]
}

export interface Places {
  readonly all: readonly Place[]
  /** Absent where nobody can be cut off, and why. */
  readonly hosts?: Hosts
  readonly missing?: string
}

export async function places(count: number): Promise<Places> {
  const numbers = Array.from({ length: count }, (_, i) => i + 1)
  const missing = hostsMissing()
  if (missing !== undefined) return { all: await onLoopback(numbers), missing }
  const hosts = new Hosts(count)
  hosts.up()
  const all = numbers.map(host => ({
    name: `n${host}`,
    host,
    gossip: `${hosts.address(host)}:7946`,
    http: 7373,
    application: 8080,
    on: (command: string, args: readonly string[]) => hosts.on(host, command, args),
  }))
  return { all, hosts }
}

async function onLoopback(numbers: readonly number[]): Promise<readonly Place[]> {
  const ports = await freePorts(3 * numbers.length)
  return numbers.map((host, i) => {
    const [gossip = 0, http = 0, application = 0] = ports.slice(3 * i, 3 * i + 3)
    const on = (command: string, args: readonly string[]) => [command, args] as const
    return { name: `n${host}`, host, gossip: `127.0.0.1:${gossip}`, http, application, on }
  })
}

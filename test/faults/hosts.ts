/** Hosts of this run alone: network namespaces with a switch between them, and the faults in that switch. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { monotonicMs } from './started.ts'

const TESTBED = fileURLToPath(new URL('../testbed/', import.meta.url))
const ROUND_TRIP = fileURLToPath(new URL('./round-trip.ts', import.meta.url))

/** Nobody listens there: discard. */
const CLOSED_PORT = 9

/** Where `fault.sh delay` hands packets to. */
const DELAY_QUEUE = '77'

/** Why hosts cannot be made here; undefined when they can. */
export function hostsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces'
  if (spawnSync('ip', ['netns', 'list']).status !== 0) return 'needs namespaces and iproute2'
  return spawnSync('nft', ['--version']).status === 0 ? undefined : 'needs nftables for faults in namespaces'
}

export class Hosts {
  readonly count: number
  /** Of this process alone: other testbeds stand beside it. */
  readonly #name = `rt${process.pid}h`
  #up = false

  constructor(count: number) {
    this.count = count
  }

  up(): void {
    this.#up = true
    this.#run('netns-up.sh', String(this.count))
  }

  /** With all that runs inside. Nothing happens when they are not up. */
  down(): void {
    if (!this.#up) return
    this.#up = false
    this.#run('fault.sh', 'heal')
    this.#run('netns-down.sh')
  }

  /** Breaks the network; the time at which it is broken, at most the exit of a process later than it really was. */
  fault(...args: readonly string[]): number {
    this.#run('fault.sh', ...args)
    return monotonicMs()
  }

  /** Mends the network, which takes a moment: `since` is when that began, and who agrees meanwhile agrees. */
  heal(): { readonly since: number; readonly done: Promise<void> } {
    const child = spawn('sh', [`${TESTBED}fault.sh`, 'heal'], {
      env: { ...process.env, TB_NAME: this.#name },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const done = new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`heal ended with ${code}`))))
    })
    return { since: monotonicMs(), done }
  }

  address(host: number): string {
    return `10.77.0.${host}`
  }

  /** TCP segments that a host has sent again so far: what a fault of the network does to it, told by its kernel. */
  sentAgain(host: number): number {
    const [command, args] = this.on(host, 'cat', ['/proc/net/snmp'])
    const [names, counts] = execFileSync(command, args, { encoding: 'utf8' })
      .split('\n')
      .filter(line => line.startsWith('Tcp:'))
      .map(line => line.split(' '))
    return Number(counts?.[names?.indexOf('RetransSegs') ?? -1])
  }

  /** Packets to a host that had to wait since it delays them; null: nothing there waits (any more), told by its kernel. */
  delayed(host: number): number | null {
    const [command, args] = this.on(host, 'cat', ['/proc/net/netfilter/nfnetlink_queue'])
    return packetsDelayed(execFileSync(command, args, { encoding: 'utf8' }))
  }

  /** The least of a few round trips from one host to another, ms. */
  async roundTripMs(from: number, to: number): Promise<number> {
    const line = this.on(from, process.execPath, [ROUND_TRIP, this.address(to), String(CLOSED_PORT)])
    const { stdout } = await promisify(execFile)(...line)
    return Number(stdout)
  }

  /** The command line that runs another one on a host. Its pid is that of the other one. */
  on(host: number, command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ['ip', ['netns', 'exec', `${this.#name}${host}`, command, ...args]]
  }

  #run(script: string, ...args: readonly string[]): void {
    const env = { ...process.env, TB_NAME: this.#name }
    // Not piped: what delays packets runs on in the background and would hold the pipe open.
    execFileSync('sh', [`${TESTBED}${script}`, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

/**
 * What the kernel says of its queues, a line each: number, who has it, packets in it, how they are copied (2 words), packets
 * dropped (2), and the number of the last packet. A queue that its program left is not there.
 */
export function packetsDelayed(queues: string): number | null {
  const lines = queues.split('\n').map(line => line.trim().split(/\s+/))
  const last = lines.find(([number]) => number === DELAY_QUEUE)?.[7]
  return last === undefined ? null : Number(last)
}

/** A real transport on loopback with a memory of everything that it told, and a way to wait for it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TransportConfig } from '../../../src/adapters/libp2p/config.ts'
import { loadIdentity } from '../../../src/adapters/libp2p/identity.ts'
import type { NameService } from '../../../src/adapters/libp2p/names.ts'
import { createTransport } from '../../../src/adapters/libp2p/transport.ts'
import type { LinkId } from '../../../src/base/ids.ts'
import type { DialResult, GossipMessage, Input, LinkMessage, LogFields } from '../../../src/node/machine.ts'
import type { Transport } from '../../../src/runtime/ports.ts'

export type Seen<K extends Input['kind']> = Extract<Input, { kind: K }>

export interface LogLine {
  readonly level: string
  readonly event: string
  readonly fields: LogFields
}

export class Peer {
  readonly transport: Transport
  readonly inputs: Input[] = []
  /** How large each was that a peer sent, as it came. */
  readonly bytes = new Map<Input, number>()
  readonly logs: LogLine[]
  readonly dir: string
  addresses: readonly string[] = []
  #watchers = new Set<() => void>()
  #onStop: (() => Promise<void>)[] = []

  constructor(transport: Transport, dir: string, logs: LogLine[]) {
    this.transport = transport
    this.dir = dir
    this.logs = logs
  }

  get id() {
    return this.transport.peer
  }

  /** The one address that the others dial. */
  get address(): string {
    return this.addresses[0] ?? ''
  }

  async start(): Promise<this> {
    this.addresses = await this.transport.start((input, bytes) => this.#take(input, bytes))
    return this
  }

  seen<K extends Input['kind']>(kind: K): Seen<K>[] {
    return this.inputs.filter((input): input is Seen<K> => input.kind === kind)
  }

  /** Waits for the first input that fits, among those that came and those that come. */
  async wait<K extends Input['kind']>(
    kind: K,
    fits: (input: Seen<K>) => boolean = () => true,
    timeoutMs = 15_000,
  ): Promise<Seen<K>> {
    const found = await this.until(() => this.seen(kind).find(fits), timeoutMs, `an input ${kind}`)
    return found
  }

  /** Waits until the condition gives something, looking whenever an input comes and now and then. */
  async until<T>(condition: () => T | undefined, timeoutMs = 15_000, what = 'a condition'): Promise<T> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const value = condition()
      if (value !== undefined && value !== false) return value
      if (performance.now() > deadline) {
        const last = this.inputs.slice(-10).map(input => JSON.stringify(input))
        throw new Error(`${what} did not come within ${timeoutMs} ms; last inputs: ${last.join('\n')}`)
      }
      await new Promise<void>(resolve => {
        const done = () => {
          clearTimeout(timer)
          this.#watchers.delete(done)
          resolve()
        }
        const timer = setTimeout(done, 20)
        this.#watchers.add(done)
      })
    }
  }

  dial(address: string, options: Partial<Parameters<Transport['dial']>[0]> = {}): Promise<DialResult> {
    return this.transport.dial({ address, forceNew: false, timeoutMs: 3_000, ...options })
  }

  /** Dials, and fails the test when that fails. */
  async link(other: Peer, options: Partial<Parameters<Transport['dial']>[0]> = {}): Promise<LinkId> {
    const result = await this.dial(other.address, options)
    if (!result.ok) throw new Error(`dial failed: ${result.reason} ${result.detail}`)
    return result.link
  }

  /** A counter or gauge, summed over the labels that fit. */
  metric(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const samples = this.transport.metrics().find(metric => metric.name === name)?.samples ?? []
    return samples
      .filter(sample => Object.entries(labels).every(([key, value]) => sample.labels?.[key] === value))
      .reduce((sum, sample) => sum + sample.value, 0)
  }

  onStop(hook: () => Promise<void>): void {
    this.#onStop.push(hook)
  }

  async stop(): Promise<void> {
    await this.transport.stop()
    await rm(this.dir, { recursive: true, force: true })
    for (const hook of this.#onStop) await hook()
  }

  #take(input: Input, bytes: number | undefined): void {
    this.inputs.push(input)
    if (bytes !== undefined) this.bytes.set(input, bytes)
    for (const watcher of [...this.#watchers]) watcher()
  }
}

export interface PeerOptions extends Partial<TransportConfig> {
  readonly cluster?: string
  readonly names?: NameService
  readonly dir?: string
}

/** Made, not started. */
export async function makePeer(options: PeerOptions = {}): Promise<Peer> {
  const {
    cluster = 'test',
    names,
    dir = await mkdtemp(join(tmpdir(), 'roundtable-peer-')),
    ...config
  } = options
  const logs: LogLine[] = []
  const transport = await createTransport({
    config: {
      host: '127.0.0.1',
      port: 0,
      advertise: [],
      clusterKey: undefined,
      allowPeers: [],
      ...config,
    },
    cluster,
    identity: await loadIdentity(dir),
    logger: { log: (level, event, fields = {}) => logs.push({ level, event, fields }) },
    ...(names === undefined ? {} : { names }),
  })
  return new Peer(transport, dir, logs)
}

export async function startPeer(options: PeerOptions = {}): Promise<Peer> {
  return await (await makePeer(options)).start()
}

export const ping = (seq: number): LinkMessage => ({ type: 'ping', seq })

/** A heartbeat that can be told from others by its number. */
export function heartbeat(id: string, number: number): GossipMessage {
  return {
    type: 'heartbeat',
    id: id as Extract<GossipMessage, { type: 'heartbeat' }>['id'],
    incarnation: 1,
    leaving: false,
    ringChecksum: 'r',
    viewDigest: number,
    load: { running: 0, queued: 0 },
    heard: [],
  }
}

export function isBeat(number: number): (input: Seen<'gossip'>) => boolean {
  return ({ message }) => message.type === 'heartbeat' && message.viewDigest === number
}

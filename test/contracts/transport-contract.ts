/**
 * What the core may rely on in a transport, whichever it is. Run on the real one, and on the network of the simulator
 * when that is driven through the port.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asLinkId, asPeerId } from '../../src/base/ids.ts'
import type { GossipMessage, Input, LinkMessage } from '../../src/node/machine.ts'
import type { Transport } from '../../src/runtime/ports.ts'

/** A world in which transports can reach each other. */
export interface TransportWorld {
  /** A new transport, not started. */
  make(): Promise<Transport>
  /** An address where nobody listens and the machine says so. */
  deserted(): Promise<string>
  /** Lets time pass until the condition holds; fails the test when it never does. */
  until(condition: () => boolean, what: string): Promise<void>
  close(): Promise<void>
}

type Seen<K extends Input['kind']> = Extract<Input, { kind: K }>

class Station {
  readonly transport: Transport
  readonly world: TransportWorld
  readonly inputs: Input[] = []
  address = ''

  constructor(transport: Transport, world: TransportWorld) {
    this.transport = transport
    this.world = world
  }

  static async start(world: TransportWorld): Promise<Station> {
    const station = new Station(await world.make(), world)
    const addresses = await station.transport.start(input => station.inputs.push(input))
    station.address = addresses[0] ?? ''
    return station
  }

  seen<K extends Input['kind']>(kind: K): Seen<K>[] {
    return this.inputs.filter((input): input is Seen<K> => input.kind === kind)
  }

  async count(kind: Input['kind'], number: number): Promise<void> {
    await this.world.until(() => this.seen(kind).length >= number, `${number} x ${kind}`)
  }

  async link(other: Station, forceNew = false) {
    const result = await this.transport.dial({ address: other.address, forceNew, timeoutMs: 5_000 })
    assert.ok(result.ok, JSON.stringify(result))
    return result
  }
}

const ping = (seq: number): LinkMessage => ({ type: 'ping', seq })
const rumour: GossipMessage = { type: 'rumour', members: [] }

export function transportContract(name: string, makeWorld: () => Promise<TransportWorld>): void {
  const claim = (text: string, body: (world: TransportWorld) => Promise<void>) =>
    test(`${name}: ${text}`, async () => {
      const world = await makeWorld()
      try {
        await body(world)
      } finally {
        await world.close()
      }
    })
  linkClaims(claim)
  dialClaims(claim)
  endClaims(claim)
}

type Claim = (text: string, body: (world: TransportWorld) => Promise<void>) => void

function linkClaims(claim: Claim): void {
  claim('a dial brings a link-up at both ends, before its own answer', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    const result = await a.link(b)
    assert.deepEqual(a.seen('link-up'), [
      { kind: 'link-up', link: result.link, peer: b.transport.peer, dialled: b.address },
    ])
    assert.equal(result.peer, b.transport.peer)
    await b.count('link-up', 1)
    const [up] = b.seen('link-up')
    assert.equal(up?.peer, a.transport.peer)
    assert.equal(up?.dialled, undefined)
  })

  claim('frames of one link arrive in order, as they were sent, after its link-up', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    const { link } = await a.link(b)
    for (let seq = 0; seq < 500; seq++) a.transport.send(link, ping(seq))
    await b.count('frame', 500)
    assert.deepEqual(
      b.seen('frame').map(({ message }) => message),
      Array.from({ length: 500 }, (_, seq) => ping(seq)),
    )
    assert.equal(b.inputs[0]?.kind, 'link-up')
    for (const frame of b.seen('frame')) assert.equal(frame.peer, a.transport.peer)
  })

  claim('frames go both ways on one link', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    const { link } = await a.link(b)
    a.transport.send(link, ping(1))
    await b.count('frame', 1)
    const [frame] = b.seen('frame')
    assert.ok(frame)
    b.transport.send(frame.link, ping(2))
    await a.count('frame', 1)
    assert.deepEqual(a.seen('frame'), [{ kind: 'frame', link, peer: b.transport.peer, message: ping(2) }])
  })

  claim('gossip reaches a linked peer with its author', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    await a.link(b)
    await b.count('link-up', 1)
    a.transport.publish(rumour)
    await b.count('gossip', 1)
    const author = a.transport.peer
    assert.deepEqual(b.seen('gossip')[0], { kind: 'gossip', author, via: author, message: rumour })
    assert.equal(a.seen('gossip').length, 0, 'and not oneself')
  })

  claim('sending to and closing a link that never was is no error', async world => {
    const a = await Station.start(world)
    a.transport.send(asLinkId(12_345), ping(1))
    a.transport.closeLink(asLinkId(12_345), 'test')
    a.transport.publish(rumour)
  })
}

function dialClaims(claim: Claim): void {
  claim('a plain dial may return the open link, a forced one never does', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    const first = await a.link(b)
    const again = await a.link(b)
    assert.equal(again.link, first.link)
    const forced = await a.link(b, true)
    assert.notEqual(forced.link, first.link)
    await b.count('link-up', 2)
    assert.equal(a.seen('link-down').length + b.seen('link-down').length, 0)
  })

  claim('nobody listening is refused', async world => {
    const a = await Station.start(world)
    const address = await world.deserted()
    const result = await a.transport.dial({ address, forceNew: false, timeoutMs: 5_000 })
    assert.ok(!result.ok)
    assert.equal(result.reason, 'refused')
    assert.ok(result.detail.length > 0)
  })

  claim('the own address is self', async world => {
    const a = await Station.start(world)
    const result = await a.transport.dial({ address: a.address, forceNew: false, timeoutMs: 5_000 })
    assert.ok(!result.ok)
    assert.equal(result.reason, 'self')
    assert.equal(a.inputs.length, 0)
  })

  claim('somebody else than the wanted peer is a failure and no link', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    const peer = asPeerId('12D3KooWJaY5REaPTTbSxcjfgFifYDxQW534naNmmnF7xdg9jtvD')
    const result = await a.transport.dial({ address: b.address, peer, forceNew: true, timeoutMs: 5_000 })
    assert.ok(!result.ok)
    assert.equal(result.reason, 'failed')
    assert.equal(a.inputs.length, 0)
  })

  claim('an address that cannot be one fails without being thrown', async world => {
    const a = await Station.start(world)
    const result = await a.transport.dial({ address: '', forceNew: false, timeoutMs: 5_000 })
    assert.equal(result.ok, false)
  })
}

function endClaims(claim: Claim): void {
  claim('closeLink flushes, and is local here and remote there', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    const { link } = await a.link(b)
    for (let seq = 0; seq < 20; seq++) a.transport.send(link, ping(seq))
    a.transport.closeLink(link, 'test')
    await a.count('link-down', 1)
    await b.count('link-down', 1)
    assert.deepEqual(a.seen('link-down'), [
      { kind: 'link-down', link, peer: b.transport.peer, cause: 'local' },
    ])
    assert.equal(b.seen('link-down')[0]?.cause, 'remote')
    assert.equal(b.seen('frame').length, 20)
    assert.equal(b.inputs.at(-1)?.kind, 'link-down')
  })

  claim('stop flushes what was sent and closes every link', async world => {
    const [a, b, c] = [await Station.start(world), await Station.start(world), await Station.start(world)]
    for (const other of [b, c]) {
      const { link } = await a.link(other)
      a.transport.send(link, ping(7))
    }
    await a.transport.stop()
    for (const other of [b, c]) {
      await other.count('link-down', 1)
      assert.deepEqual(
        other.seen('frame').map(({ message }) => message),
        [ping(7)],
      )
      assert.equal(other.seen('link-down')[0]?.cause, 'remote')
    }
    await a.transport.stop()
  })

  claim('a stopped node is refused at its old address', async world => {
    const [a, b] = [await Station.start(world), await Station.start(world)]
    await a.link(b)
    await b.transport.stop()
    const result = await a.transport.dial({ address: b.address, forceNew: true, timeoutMs: 5_000 })
    assert.ok(!result.ok)
    assert.equal(result.reason, 'refused')
  })
}

/**
 * Strangers at the door of a node with a cluster key: each sends a nonce and noise, and goes. `STRANGERS=20000` (about a
 * minute) is what a scanner does in a day; whatever one of them leaves behind ends a daemon that lives for months.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { UPGRADE_MS } from '../../../src/adapters/libp2p/limits.ts'
import { type Peer, ping, startPeer } from './peer-fixture.ts'

const STRANGERS = Number(process.env['STRANGERS'] ?? 1_500)
/** Before memory is measured: code is compiled and buffers have their size. */
const WARM_UP = 100
const AT_ONCE = 50
/** Per stranger, for good. */
const LEFT_BYTES_MAX = 100
/** What comes and goes by itself. */
const NOISE_BYTES = 1024 * 1024

const clusterKey = 'c'.repeat(64)
const ends: (() => Promise<void>)[] = []
after(() => Promise.all(ends.map(end => end())))

async function keyedPeer(): Promise<Peer> {
  const made = await startPeer({ clusterKey })
  ends.push(() => made.stop())
  return made
}

/** Sends so many bytes, then ends or resets, and is done when the connection is gone. */
function stranger(to: Peer, number: number): Promise<void> {
  const [host = '', port = ''] = to.address.split(':')
  // From many addresses: one alone is slowed down after 500 a second.
  const socket = connect({ host, port: Number(port), localAddress: `127.0.0.${2 + (number % 200)}` })
  socket.on('error', () => undefined) // a reset is one way to be cut off
  const leave = () => (number % 3 === 1 ? socket.end() : socket.resetAndDestroy())
  socket.once('connect', () => {
    socket.write(randomBytes(24 + (number % 100)))
    if (number % 3 === 0) socket.end()
    // Its nonce: by now it has what was sent, or will have it in a moment.
    socket.once('data', number % 3 === 0 ? () => undefined : leave)
  })
  return new Promise(resolve => void socket.once('close', () => resolve()))
}

async function strangers(to: Peer, count: number): Promise<void> {
  for (let first = 0; first < count; first += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => stranger(to, first + n)))
  }
}

/** Bytes that are still used after everything that nobody refers to was given back. */
function usedBytes(...peers: Peer[]): number {
  for (const peer of peers) peer.logs.length = 0 // the test's own memory
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  assert.ok(typeof collect === 'function')
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The time limits of handshakes live on when these are over, and hold some memory until they run out. */
async function settled(used: () => number, bytesMax: number): Promise<void> {
  const deadline = performance.now() + UPGRADE_MS + 4_000
  for (let bytes = used(); bytes > bytesMax; bytes = used()) {
    assert.ok(performance.now() < deadline, `${bytes} bytes used, expected at most ${bytesMax}`)
    await setTimeout(250)
  }
}

test(`${STRANGERS} strangers that send noise under a cluster key leave no memory, and two peers that talk as they were`, async () => {
  const [a, b, late] = [await keyedPeer(), await keyedPeer(), await keyedPeer()]
  const link = await a.link(b)
  const gone = (count: number) =>
    a.until(
      () => a.metric('transport_strangers_total') === count || undefined,
      10_000,
      `${count} strangers gone`,
    )
  let said = 0
  const talk = setInterval(() => a.transport.send(link, ping(++said)), 100)
  try {
    await strangers(a, WARM_UP)
    await gone(WARM_UP)
    const before = usedBytes(a, b, late)
    await strangers(a, STRANGERS - WARM_UP)
    await gone(STRANGERS)
    await settled(() => usedBytes(a, b, late), before + NOISE_BYTES + (STRANGERS - WARM_UP) * LEFT_BYTES_MAX)
    const then = said
    await b.wait('frame', ({ message }) => message.type === 'ping' && message.seq > then)
    await late.link(a)
    assert.equal(a.seen('link-down').length + b.seen('link-down').length, 0)
  } finally {
    clearInterval(talk)
  }
})

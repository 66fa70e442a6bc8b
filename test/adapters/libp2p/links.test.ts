import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { LINK_FRAME_BYTES_MAX } from '../../../src/adapters/libp2p/limits.ts'
import { asLinkId } from '../../../src/base/ids.ts'
import type { DialResult, LinkMessage } from '../../../src/node/machine.ts'
import { startChild } from './child-fixture.ts'
import { type Peer, type PeerOptions, ping, startPeer } from './peer-fixture.ts'
import { unreadBytes } from './unread-bytes.ts'

const ends: (() => Promise<void>)[] = []
after(() => Promise.all(ends.map(end => end())))

async function peer(options: PeerOptions = {}): Promise<Peer> {
  const made = await startPeer(options)
  ends.push(() => made.stop())
  return made
}

async function child(options: Parameters<typeof startChild>[0] = {}) {
  const made = await startChild(options)
  ends.push(() => made.stop())
  return made
}

function failed(result: DialResult): Extract<DialResult, { ok: false }> {
  assert.ok(!result.ok, 'the dial fails')
  return result
}

test('kill -9 of a peer is a remote close at once, and a re-dial is refused', async () => {
  const a = await peer()
  const victim = await child()
  const result = await a.dial(victim.address)
  assert.ok(result.ok)
  const killedAt = performance.now()
  victim.process.kill('SIGKILL')
  const down = await a.wait('link-down')
  const tookMs = performance.now() - killedAt
  assert.equal(down.cause, 'remote')
  // Only a close is so quick: silence takes several seconds to be noticed.
  assert.ok(tookMs < 2_000, `${tookMs.toFixed(0)} ms`)
  await victim.exited
  const again = failed(await a.dial(victim.address, { forceNew: true, timeoutMs: 1_000 }))
  assert.equal(again.reason, 'refused')
  assert.match(again.detail, /ECONNREFUSED/)
})

test('kill -9 of a dialler is a remote close for the one that was dialled', async () => {
  const a = await peer()
  const victim = await child()
  victim.order({ do: 'dial', address: a.address })
  await a.wait('link-up')
  victim.process.kill('SIGKILL')
  assert.equal((await a.wait('link-down')).cause, 'remote')
})

test('kill -9 with unread data in its sockets (a reset, not a FIN) is a remote close too', async t => {
  if (process.platform !== 'linux') return t.skip('only Linux tells what is unread')
  const a = await peer()
  const victim = await child()
  const result = await a.dial(victim.address)
  assert.ok(result.ok)
  victim.process.kill('SIGSTOP')
  for (let n = 0; n < 50; n++) a.transport.send(result.link, big(20_000))
  await a.until(() => unreadBytes(victim.address) > 0, 5_000, 'something unread in a socket of the victim')
  victim.process.kill('SIGKILL')
  assert.equal((await a.wait('link-down')).cause, 'remote')
})

test('a frozen peer goes nowhere: no link-down, and a forced dial times out in its time', async () => {
  const a = await peer()
  const frozen = await child()
  assert.ok((await a.dial(frozen.address)).ok)
  frozen.process.kill('SIGSTOP')
  const startedAt = performance.now()
  const again = failed(await a.dial(frozen.address, { forceNew: true, timeoutMs: 600 }))
  const tookMs = performance.now() - startedAt
  assert.equal(again.reason, 'timeout')
  assert.ok(tookMs > 550 && tookMs < 2_500, `${tookMs.toFixed(0)} ms`)
  assert.equal(a.seen('link-down').length, 0)
  frozen.process.kill('SIGCONT')
})

test('the end that closes a link is told local, the other end remote, and frames before it arrive', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b)
  await b.wait('link-up')
  for (let seq = 0; seq < 100; seq++) a.transport.send(link, ping(seq))
  a.transport.closeLink(link, 'test')
  assert.equal((await a.wait('link-down')).cause, 'local')
  assert.equal((await b.wait('link-down')).cause, 'remote')
  assert.equal(b.seen('frame').length, 100)
  const kinds = b.inputs.map(input => input.kind)
  assert.ok(kinds.lastIndexOf('frame') < kinds.indexOf('link-down'))
})

test('of a frame it is told how large it came, for what waits is bounded in bytes', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b)
  a.transport.send(link, { type: 'refuse', code: 'NODE_ID_TAKEN', detail: 'x'.repeat(60_000) })
  const bytes = b.bytes.get(await b.wait('frame')) ?? 0
  assert.ok(bytes > 60_000 && bytes < 61_000, `${bytes}`)
})

test('a leave said just before stop arrives, though the other end talks all the time', async () => {
  for (let round = 0; round < 5; round++) {
    const a = await peer()
    const leaver = await child()
    const result = await a.dial(leaver.address)
    assert.ok(result.ok)
    const talk = setInterval(() => a.transport.send(result.link, big(5_000)), 1)
    leaver.order({ do: 'leave' })
    const down = await a.wait('link-down')
    clearInterval(talk)
    assert.equal(down.cause, 'remote')
    const types = a.seen('frame').map(({ message }) => message.type)
    assert.equal(types.at(-1), 'leave')
    assert.equal(types.length, 51)
    await leaver.exited
  }
})

test('a stopped transport leaves nothing behind that keeps its process alive', async () => {
  const a = await peer()
  const leaver = await child()
  assert.ok((await a.dial(leaver.address)).ok)
  leaver.order({ do: 'leave' })
  const [code] = (await leaver.exited) as [number | null]
  assert.equal(code, 0)
})

test('stop ends within two seconds when a peer is frozen and megabytes wait for it', async () => {
  const a = await startPeer()
  const frozen = await child()
  const result = await a.dial(frozen.address)
  assert.ok(result.ok)
  frozen.process.kill('SIGSTOP')
  for (let n = 0; n < 7; n++) a.transport.send(result.link, big(900_000))
  const startedAt = performance.now()
  await a.stop()
  const tookMs = performance.now() - startedAt
  frozen.process.kill('SIGCONT')
  assert.ok(tookMs < 2_000, `${tookMs.toFixed(0)} ms`)
})

test('a stop with little time left flushes what is taken in it and waits for nobody longer', async () => {
  const [a, b] = [await startPeer(), await peer()]
  const frozen = await child()
  assert.ok((await a.dial(frozen.address)).ok)
  const link = await a.link(b)
  frozen.process.kill('SIGSTOP')
  a.transport.send(link, ping(7))
  const startedAt = performance.now()
  await a.transport.stop(100)
  const tookMs = performance.now() - startedAt
  frozen.process.kill('SIGCONT')
  // A stop that has all its time takes two seconds for a frozen peer.
  assert.ok(tookMs < 1_500, `${tookMs.toFixed(0)} ms`)
  await b.wait('frame', ({ message }) => message.type === 'ping' && message.seq === 7)
  assert.equal((await b.wait('link-down')).cause, 'remote')
  await a.stop()
})

test('a stop without any time is over at once', async () => {
  const a = await startPeer()
  const frozen = await child()
  assert.ok((await a.dial(frozen.address)).ok)
  frozen.process.kill('SIGSTOP')
  const startedAt = performance.now()
  await a.transport.stop(0)
  const tookMs = performance.now() - startedAt
  frozen.process.kill('SIGCONT')
  assert.ok(tookMs < 1_500, `${tookMs.toFixed(0)} ms`)
  await a.stop()
})

test('stop is idempotent, and dials after it fail', async () => {
  const [a, b] = [await startPeer(), await peer()]
  await Promise.all([a.stop(), a.stop()])
  await a.transport.stop()
  assert.equal(failed(await a.dial(b.address)).reason, 'failed')
})

test('a peer that does not read is cut off at the queue limit, by our own decision', async () => {
  const a = await peer()
  const frozen = await child()
  const result = await a.dial(frozen.address)
  assert.ok(result.ok)
  frozen.process.kill('SIGSTOP')
  for (let n = 0; n < 40; n++) a.transport.send(result.link, big(900_000))
  assert.equal((await a.wait('link-down')).cause, 'error')
  assert.equal(a.metric('transport_links_cut_total', { reason: 'queue-full' }), 1)
  assert.ok(a.metric('transport_drops_total', { reason: 'link-queue-full' }) >= 1)
  frozen.process.kill('SIGCONT')
})

test('frames of nearly the limit arrive whole and in order', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b)
  const sent = Array.from({ length: 6 }, (_, n) => big(50_000 + n * 190_000, `${n}`))
  for (const message of sent) a.transport.send(link, message)
  await b.until(() => b.seen('frame').length === sent.length || undefined)
  assert.deepEqual(
    b.seen('frame').map(({ message }) => message),
    sent,
  )
})

test('tens of megabytes pass both ways at once without a stall', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b)
  const up = await b.wait('link-up')
  for (let round = 1; round <= 4; round++) {
    for (let n = 0; n < 6; n++) {
      a.transport.send(link, big(900_000))
      b.transport.send(up.link, big(900_000))
    }
    await a.until(() => a.seen('frame').length === round * 6 || undefined, 20_000)
    await b.until(() => b.seen('frame').length === round * 6 || undefined, 20_000)
  }
  assert.equal(a.seen('link-down').length, 0)
})

test('a message above the limit is dropped, counted and logged; the link goes on', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b)
  a.transport.send(link, big(LINK_FRAME_BYTES_MAX + 100_000))
  a.transport.send(link, ping(1))
  await b.wait('frame', ({ message }) => message.type === 'ping')
  assert.equal(b.seen('frame').length, 1)
  assert.equal(a.metric('transport_drops_total', { reason: 'link-too-large' }), 1)
  assert.ok(a.logs.some(line => line.event === 'transport.frame-not-sent'))
})

test('a wrong frame is dropped, counted every time and logged once; the link goes on', async () => {
  const [a, b] = [await peer(), await peer()]
  const link = await a.link(b)
  const wrong = { type: 'ping', seq: 'one' } as unknown as LinkMessage
  for (let n = 0; n < 3; n++) a.transport.send(link, wrong)
  a.transport.send(link, ping(2))
  await b.wait('frame')
  assert.equal(b.seen('frame').length, 1)
  assert.equal(b.metric('transport_drops_total', { reason: 'frame-invalid' }), 3)
  assert.equal(b.logs.filter(line => line.event === 'transport.frame-invalid').length, 1)
})

test('sending to a link that is gone is no error', async () => {
  const a = await peer()
  a.transport.send(asLinkId(99), ping(1))
  a.transport.closeLink(asLinkId(99), 'test')
  assert.equal(a.metric('transport_drops_total', { reason: 'link-gone' }), 1)
})

test('a plain dial returns the open link, a forced one makes a new connection', async () => {
  const [a, b] = [await peer(), await peer()]
  const first = await a.link(b)
  assert.equal(await a.link(b), first)
  assert.equal(await a.link(b, { peer: b.id }), first)
  const second = await a.link(b, { forceNew: true })
  assert.notEqual(second, first)
  await b.until(() => b.seen('link-up').length === 2 || undefined)
  for (const link of [first, second]) a.transport.send(link, ping(link))
  await b.until(() => b.seen('frame').length === 2 || undefined)
  const links = b.seen('frame').map(({ link }) => link)
  assert.equal(new Set(links).size, 2)
  assert.equal(a.seen('link-down').length + b.seen('link-down').length, 0)
})

test('forced dials under way at once each get a connection of their own', async () => {
  const [a, b] = [await peer(), await peer()]
  const links = await Promise.all([1, 2, 3].map(() => a.link(b, { forceNew: true })))
  assert.equal(new Set(links).size, 3)
})

test('dialling each other at the same moment gives two links and closes none', async () => {
  const [a, b] = [await peer(), await peer()]
  await Promise.all([a.link(b), b.link(a)])
  await a.until(() => a.seen('link-up').length === 2 || undefined)
  await b.until(() => b.seen('link-up').length === 2 || undefined)
  assert.equal(a.seen('link-down').length + b.seen('link-down').length, 0)
})

test('a fourth connection to one peer closes the one that was silent longest, never the newest', async () => {
  const [a, b] = [await peer(), await peer()]
  const first = await a.link(b)
  const second = await a.link(b, { forceNew: true })
  const third = await a.link(b, { forceNew: true })
  await b.until(() => b.seen('link-up').length === 3 || undefined)
  // The first speaks to both ends, so the second is the silent one.
  a.transport.send(first, ping(1))
  a.transport.send(third, ping(1))
  await b.until(() => b.seen('frame').length === 2 || undefined)
  for (const { link } of b.seen('frame')) b.transport.send(link, ping(2))
  await a.until(() => a.seen('frame').length === 2 || undefined)
  await a.link(b, { forceNew: true })
  const down = await a.wait('link-down')
  assert.equal(down.link, second)
  assert.equal(down.cause, 'local')
})

function big(bytes: number, mark = ''): LinkMessage {
  const detail = `${mark}${'x'.repeat(Math.min(bytes, 65_000))}`
  if (bytes <= 65_000) return { type: 'refuse', code: 'RING_MISMATCH', detail }
  const problem = { at: '', expected: '', got: 'x'.repeat(60_000) }
  const problems = Array.from({ length: Math.floor(bytes / 60_100) }, () => problem)
  const failure = { code: 'TASK_INVALID', detail: mark, problems } as const
  const id = `id${mark}` as Extract<LinkMessage, { type: 'forward-reply' }>['id']
  return { type: 'forward-reply', id, reply: { ok: false, failure } }
}

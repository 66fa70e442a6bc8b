/** The protector on pairs of connections in memory; `strangers.test.ts` and `dialling.test.ts` use it on sockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { MultiaddrConnection } from '@libp2p/interface'
import { multiaddrConnectionPair } from '@libp2p/utils'
import { xsalsa20 } from '@noble/ciphers/salsa.js'
import { ClusterKeyProtector, parseClusterKey } from '../../../src/adapters/libp2p/cluster-key.ts'
import { NONCE_MS } from '../../../src/adapters/libp2p/limits.ts'

const KEY = parseClusterKey('0123456789abcdef'.repeat(4))
const MIB = 1024 * 1024

interface Ends {
  readonly a: MultiaddrConnection
  readonly b: MultiaddrConnection
}

async function keyedPair(
  init: Partial<ConstructorParameters<typeof ClusterKeyProtector>[0]> = {},
): Promise<Ends> {
  const protector = new ClusterKeyProtector({ key: KEY, ...init })
  const [a, b] = await Promise.all(multiaddrConnectionPair().map(end => protector.protect(end)))
  assert.ok(a && b)
  return { a, b }
}

/** All that comes, and a way to wait for a number of bytes of it. */
function collect(from: MultiaddrConnection) {
  const pieces: Uint8Array[] = []
  const arrived = new EventTarget()
  from.addEventListener('message', ({ data }) => {
    pieces.push(Uint8Array.from(data.subarray()))
    arrived.dispatchEvent(new Event('more'))
  })
  return async (bytes: number): Promise<Buffer> => {
    for (;;) {
      const all = Buffer.concat(pieces)
      if (all.byteLength >= bytes) return all
      await once(arrived, 'more')
    }
  }
}

/** Bytes that tell where they belong: the pattern is as long as no block or pad is. */
function numbered(bytes: number): Buffer {
  return Buffer.alloc(bytes, Buffer.from(Array.from({ length: 251 }, (_, n) => n)))
}

/** A connection whose other end is in the hands of the test, in plain bytes. */
function plainPair() {
  const [raw, other] = multiaddrConnectionPair()
  const received = collect(other)
  return { raw, other, received, protector: new ClusterKeyProtector({ key: KEY }) }
}

test('each end sends 24 random bytes, then XSalsa20 under the key and its own nonce', async () => {
  const { raw, other, received, protector } = plainPair()
  const theirs = numbered(24)
  const words = numbered(300)
  const protecting = protector.protect(raw)
  // The nonce comes in two pieces, and with the second one the first words.
  other.send(theirs.subarray(0, 10))
  await received(24)
  const sealed = xsalsa20(KEY, theirs, words)
  other.send(Buffer.concat([theirs.subarray(10), sealed.subarray(0, 77)]))
  const end = await protecting
  const heard = collect(end)
  other.send(sealed.subarray(77))
  assert.ok((await heard(300)).equals(words))
  for (const [from, to] of [
    [0, 1],
    [1, 130],
    [130, 300],
  ] as const)
    end.send(words.subarray(from, to))
  const sent = await received(324)
  assert.ok(
    Buffer.from(xsalsa20(KEY, Uint8Array.from(sent.subarray(0, 24)), words)).equals(sent.subarray(24)),
  )
})

test('a message of more than one MiB passes while other connections go on, before and after', async () => {
  const pairs = await Promise.all(Array.from({ length: 10 }, () => keyedPair()))
  const [big, ...others] = pairs.map(({ a, b }) => ({ a, heard: collect(b) }))
  assert.ok(big)
  const small = numbered(1_000)
  const message = numbered(3 * MIB)
  for (let round = 1; round <= 2; round++) {
    for (const { a } of others) a.send(small)
    big.a.send(message)
    for (const { heard } of others) {
      assert.ok((await heard(round * small.byteLength)).subarray(-small.byteLength).equals(small))
    }
    assert.ok((await big.heard(round * message.byteLength)).subarray(-message.byteLength).equals(message))
  }
})

test('no nonce in time, an early end and a reset each cost the attempt and nothing else', async () => {
  const silent = plainPair()
  const startedAt = performance.now()
  await assert.rejects(silent.protector.protect(silent.raw, { signal: AbortSignal.timeout(50) }))
  assert.ok(performance.now() - startedAt < NONCE_MS)
  await assert.rejects(
    silent.protector.protect(plainPair().raw),
    'and without a signal there is a limit, too',
  )

  const early = plainPair()
  const protecting = early.protector.protect(early.raw)
  early.other.send(numbered(23))
  await Promise.all([assert.rejects(protecting), early.other.close()])

  const reset = plainPair()
  const protectingToo = reset.protector.protect(reset.raw)
  reset.other.send(numbered(5))
  reset.other.abort(new Error('reset'))
  await assert.rejects(protectingToo)
})

test('a connection that ended with the nonce is not taken for one', async () => {
  const { raw, other, protector } = plainPair()
  const protecting = protector.protect(raw)
  raw.addEventListener('message', () => raw.abort(new Error('in the same turn')))
  other.send(numbered(24))
  await assert.rejects(protecting, /closed after its nonce/)
})

test('a close, a reset and an abort reach the other end as what they are', async () => {
  for (const [act, status] of [
    [(end: MultiaddrConnection) => end.close(), 'closed'],
    [async (end: MultiaddrConnection) => end.abort(new Error('abort')), 'reset'],
  ] as const) {
    const { a, b } = await keyedPair()
    const closed = once(b, 'close')
    await act(a)
    await closed
    assert.equal(b.status, status)
    assert.throws(() => b.send(numbered(1)))
  }
})

test('a connection whose key stream is used up ends at both ends, without an error for who sends', async () => {
  let usedUp = 0
  const { a, b } = await keyedPair({ keyStreamBytesMax: 10_000, onUsedUp: () => usedUp++ })
  const heard = collect(b)
  const closed = Promise.all([once(a, 'close'), once(b, 'close')])
  a.send(numbered(9_999))
  assert.ok((await heard(9_999)).equals(numbered(9_999)))
  assert.equal(a.status, 'open')
  assert.equal(a.send(numbered(2)), false)
  await closed
  assert.equal(a.status, 'aborted')
  assert.equal(usedUp, 1)
  assert.equal((await heard(9_999)).byteLength, 9_999)
})

test('an end that hears more than a key stream holds ends, too', async () => {
  let usedUp = 0
  const [raw, other] = multiaddrConnectionPair()
  const protector = new ClusterKeyProtector({ key: KEY, keyStreamBytesMax: 1_000, onUsedUp: () => usedUp++ })
  other.send(numbered(24))
  const end = await protector.protect(raw)
  const closed = once(end, 'close')
  other.send(numbered(1_001))
  await closed
  assert.equal(end.status, 'aborted')
  assert.equal(usedUp, 1)
})

test('a key is read in either case, and a key that is none is refused without being repeated', () => {
  assert.deepEqual(parseClusterKey('AB'.repeat(32)), parseClusterKey('ab'.repeat(32)))
  assert.throws(() => parseClusterKey('secret'), {
    code: 'CLUSTER_KEY_INVALID',
    message: /64 hex digits, got 6/,
  })
})

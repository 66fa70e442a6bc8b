import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { corkPerTurn } from '../../../src/adapters/libp2p/corked-socket.ts'
import { CREDIT_BYTES, type FrameHeader, holdCredit } from '../../../src/adapters/libp2p/frugal-yamux.ts'

const DATA = 0
const UPDATE = 1
const FIN = 4

function muxer() {
  const sent: FrameHeader[] = []
  const fake = { sendFrame: (header: FrameHeader) => sent.push(header) }
  holdCredit(fake)
  return {
    sent,
    update: (streamID: number, length: number, flag = 0) =>
      fake.sendFrame({ type: UPDATE, flag, streamID, length }),
    fake,
  }
}

test('small window updates are held back until they are worth a packet', () => {
  const { sent, update } = muxer()
  for (let n = 0; n < 1_000; n++) update(1, 50)
  assert.equal(sent.length, 0)
  update(1, CREDIT_BYTES)
  assert.deepEqual(sent, [{ type: UPDATE, flag: 0, streamID: 1, length: 50_000 + CREDIT_BYTES }])
})

test('no credit is ever lost, and never more than the limit is held', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 300_000 }))),
      updates => {
        const { sent, update } = muxer()
        const owed = new Map<number, number>()
        for (const [stream, length] of updates) {
          update(stream, length)
          owed.set(stream, (owed.get(stream) ?? 0) + length)
          const given = sent
            .filter(header => header.streamID === stream)
            .reduce((sum, { length: n }) => sum + n, 0)
          const held = (owed.get(stream) ?? 0) - given
          assert.ok(held >= 0 && held < CREDIT_BYTES)
        }
      },
    ),
  )
})

test('data, and updates that open or end a stream, pass at once', () => {
  const { sent, update, fake } = muxer()
  fake.sendFrame({ type: DATA, flag: 0, streamID: 1, length: 5 })
  update(1, 0, FIN)
  assert.equal(sent.length, 2)
})

test('what is written in one turn leaves together at the end of it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const [other] = await accepted
  corkPerTurn(socket)
  for (const piece of ['one ', 'two ', 'three']) socket.write(piece)
  assert.equal(socket.writableCorked, 1)
  const [chunk] = await once(other, 'data')
  assert.equal(String(chunk), 'one two three')
  assert.equal(socket.writableCorked, 0)
  socket.write('and a last word before the end')
  socket.end()
  const [last] = await once(other, 'data')
  assert.equal(String(last), 'and a last word before the end')
  other.destroy()
  server.close()
})

/** A peer in a process of its own, to be killed, stopped or told to leave. Started by `fork`; see `child-fixture.ts`. */
import assert from 'node:assert/strict'
import { asNodeId } from '../../../src/base/ids.ts'
import { makePeer, ping } from './peer-fixture.ts'

const [options = '{}'] = process.argv.slice(2)
const peer = await makePeer(JSON.parse(options))
const send = (message: object) => process.send?.(message)

let up = 0
peer.addresses = await peer.transport.start(input => {
  if (input.kind === 'link-up') send({ event: 'link-up', links: ++up })
  if (input.kind === 'frame' && input.message.type === 'ping') {
    peer.transport.send(input.link, { type: 'ack', seq: input.message.seq })
  }
  peer.inputs.push(input)
})
send({ event: 'ready', address: peer.address, id: peer.id, dir: peer.dir })

process.on('message', async (order: { do: string; address?: string }) => {
  if (order.do === 'dial') {
    assert.ok(order.address)
    send({ event: 'dialled', result: await peer.dial(order.address) })
  }
  if (order.do === 'leave') {
    const self = { id: asNodeId('child'), peerId: peer.id, incarnation: 1 } as const
    for (const { link } of peer.seen('link-up')) {
      for (let seq = 0; seq < 50; seq++) peer.transport.send(link, ping(seq))
      const member = { ...self, status: 'left', leaving: true, addresses: [], weight: 1 } as const
      peer.transport.send(link, { type: 'leave', member })
    }
    await peer.transport.stop()
    // No exit: a transport that leaves a timer or a socket behind keeps this process alive, and the test sees it.
    process.disconnect()
  }
})

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { makePeer, type Peer } from '../adapters/libp2p/peer-fixture.ts'
import { transportContract } from './transport-contract.ts'

transportContract('libp2p', async () => {
  const peers: Peer[] = []
  return {
    make: async () => {
      const peer = await makePeer()
      peers.push(peer)
      return peer.transport
    },
    deserted: async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      server.close()
      await once(server, 'close')
      return `127.0.0.1:${port}`
    },
    until: async (condition, what) => {
      const deadline = performance.now() + 5_000
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`${what} did not come to be`)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    },
    close: async () => {
      await Promise.all(peers.map(peer => peer.stop()))
    },
  }
})

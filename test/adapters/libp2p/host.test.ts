import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { toMultiaddr } from '../../../src/adapters/libp2p/addresses.ts'
import { Counters } from '../../../src/adapters/libp2p/counters.ts'
import { createHost, type Host } from '../../../src/adapters/libp2p/host.ts'
import { Strangers } from '../../../src/adapters/libp2p/strangers.ts'
import { Wires } from '../../../src/adapters/libp2p/wire.ts'

const PROTOCOL = '/test/1'
const ends: (() => Promise<void>)[] = []
after(() => Promise.all(ends.map(end => end())))

/** With a key of its own. */
async function started(): Promise<Host> {
  const logger = { log: () => undefined }
  const host = await createHost({
    key: await generateKeyPair('Ed25519'),
    topic: 'test',
    logger,
    protector: new Wires(new Strangers({ counters: new Counters(), logger })).protector(undefined),
    allowPeers: new Set(),
    onGossipCopy: () => undefined,
  })
  await host.node.start()
  await host.handle(PROTOCOL, () => undefined)
  ends.push(() => host.stop())
  return host
}

test('of peers that are gone, each with another key, nothing is kept', { timeout: 60_000 }, async () => {
  const host = await started()
  const [listened] = await host.listen(toMultiaddr('127.0.0.1', 0))
  const port = Number(listened?.getComponents().find(part => part.name === 'tcp')?.value)
  const { signal } = new AbortController()
  const kept = async (): Promise<string[]> => (await host.node.peerStore.all()).map(({ id }) => String(id))
  for (let i = 0; i < 5; i++) {
    const guest = await started()
    const connection = await guest.connect(toMultiaddr('127.0.0.1', port), { signal })
    await connection.newStream(PROTOCOL, { signal })
    while (!(await kept()).includes(String(guest.node.peerId))) await turn()
    connection.abort(new Error('gone'))
    while (host.node.getConnections().length > 0) await turn()
  }
  // What a peer that goes leaves to be done is done within these turns, or never.
  for (let i = 0; i < 100 && (await kept()).length > 0; i++) await turn()
  assert.deepEqual(await kept(), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asLinkId, asPeerId } from '../../src/base/ids.ts'
import { earlyInputs } from '../../src/daemon/early-inputs.ts'
import type { SingleInput } from '../../src/node/machine.ts'
import { PEER_INPUTS_WAITING_MAX } from '../../src/runtime/input-queue.ts'

test('of what peers send before there is a node no more is kept than the node itself would keep, in its order', () => {
  const early = earlyInputs()
  const [link, peer] = [asLinkId(1), asPeerId('p')]
  const frame: SingleInput = { kind: 'frame', link, peer, message: { type: 'ping', seq: 1 } }
  early.enqueue({ kind: 'link-up', link, peer })
  for (let i = 0; i < PEER_INPUTS_WAITING_MAX + 10; i++) early.enqueue(frame)
  early.enqueue({ kind: 'link-down', link, peer, cause: 'remote' })
  const kinds: string[] = []
  early.deliverTo(input => kinds.push(input.kind))
  assert.equal(kinds.length, PEER_INPUTS_WAITING_MAX + 1)
  assert.deepEqual([kinds[0], kinds[1], kinds.at(-1)], ['link-up', 'frame', 'link-down'])
  early.enqueue(frame)
  assert.equal(kinds.at(-1), 'frame', 'from now on all goes through')
})

/** What a node of these tests is born with, unless a test says otherwise. */
import { asNodeId, asPeerId } from '../../src/base/ids.ts'
import { grantsDefaults } from '../../src/grants/config.ts'
import { membershipDefaults } from '../../src/membership/config.ts'
import type { NodeInit } from '../../src/node/init.ts'
import { ringDefaults } from '../../src/ring/config.ts'
import { tasksDefaults } from '../../src/tasks/config.ts'

export const sampleInit = (changes: Partial<NodeInit> = {}): NodeInit => ({
  nodeId: asNodeId('me'),
  peerId: asPeerId('key-me'),
  cluster: 'test',
  version: '0',
  incarnation: 1,
  boot: 1,
  addresses: ['me:7946'],
  seeds: [],
  weight: 1,
  membership: membershipDefaults(),
  ring: ringDefaults(),
  tasks: tasksDefaults(2),
  grants: grantsDefaults(),
  voter: { top: undefined, voters: undefined },
  check: () => undefined,
  records: [],
  seed: 1,
  ...changes,
})

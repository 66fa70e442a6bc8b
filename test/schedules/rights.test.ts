import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RightEvent, rightsLost } from './rights.ts'

const CUT = { nodes: ['n1', 'n2', 'n3'], from: 100, to: 200 }
const event = (node: string, at: number, what: RightEvent['what']): RightEvent => ({ node, at, what })
const gained = CUT.nodes.map(node => event(node, 10, 'gained'))

test('each of those who were cut off says that its right is lost', () => {
  const lost = CUT.nodes.map(node => event(node, 102, 'lost'))
  assert.deepEqual(rightsLost([...gained, ...lost], CUT), { had: 3, said: 3 })
  assert.deepEqual(rightsLost([...gained, ...lost.slice(1)], CUT), { had: 3, said: 2 })
  assert.deepEqual(rightsLost(gained, CUT), { had: 3, said: 0 })
})

test('what was said before the cut, after the heal or by others counts nothing', () => {
  const others = [event('n1', 201, 'lost'), event('n4', 10, 'gained'), event('n4', 102, 'lost')]
  assert.deepEqual(rightsLost([...gained, ...others], CUT), { had: 3, said: 0 })
  const before = [event('n1', 20, 'lost'), event('n1', 30, 'gained')]
  assert.deepEqual(rightsLost([...gained, ...before], CUT), { had: 3, said: 0 })
})

test('who was down at the cut had nothing to lose, nor who was killed before it could say so', () => {
  const [lost2, lost3] = [event('n2', 102, 'lost'), event('n3', 102, 'lost')]
  const down = [...gained, event('n1', 90, 'killed'), lost2, lost3]
  assert.deepEqual(rightsLost(down, CUT), { had: 2, said: 2 })
  const killed = [...gained, event('n1', 101, 'killed'), lost2, lost3, event('n1', 150, 'lost')]
  assert.deepEqual(rightsLost(killed, CUT), { had: 2, said: 2 })
})

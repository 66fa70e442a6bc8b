import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/base/random.ts'
import { Disk } from './disk.ts'
import { mayWaitForLone } from './lone-rings.ts'

/** Two hosts; the second has lost its disk if asked for, and the first has noted rings of these members. */
function hosts(lost: boolean, ...rings: readonly (readonly string[])[]) {
  return ['n1', 'n2'].map(name => {
    const disk = new Disk(new Random(1))
    if (name === 'n2' && lost) disk.wipe()
    const members = (ids: readonly string[]) => ids.map(id => ({ id, weight: 1 }))
    const notes = { rings: rings.map((ids, i) => ({ seq: i, ring: `r${i}`, members: members(ids) })) }
    if (name === 'n1') disk.apply([{ table: 'grants', key: 'notes', value: notes }])
    return { name, disk }
  })
}

test('what was accepted under a ring of one whose disk is lost may be waited for', () => {
  assert.equal(mayWaitForLone(hosts(true, ['n2'], ['n1', 'n2']), 2), true)
  assert.equal(mayWaitForLone(hosts(true, ['n1', 'n2']), 3), true, 'two members, and three copies are wanted')
})

test('nothing is waited for where nothing is lost, another was alone, or as many had it as are wanted', () => {
  assert.equal(mayWaitForLone(hosts(false, ['n2']), 2), false)
  assert.equal(mayWaitForLone(hosts(true, ['n1']), 2), false)
  assert.equal(mayWaitForLone(hosts(true, ['n1', 'n2']), 2), false)
  assert.equal(mayWaitForLone(hosts(true, []), 2), false, 'nobody was a member')
  assert.equal(mayWaitForLone(hosts(true), 2), false)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../src/base/random.ts'
import { Disk } from './disk.ts'
import { mayWaitForGone } from './lone-rings.ts'

/** Five hosts, of which these have lost their disks, and on these nothing runs. The first has noted rings of these members. */
function hosts(
  { lost = [], down = [] }: { lost?: readonly string[]; down?: readonly string[] },
  ...rings: readonly (readonly string[])[]
) {
  return ['n1', 'n2', 'n3', 'n4', 'n5'].map(name => {
    const disk = new Disk(new Random(1))
    if (lost.includes(name)) disk.wipe()
    const members = (ids: readonly string[]) => ids.map(id => ({ id, weight: 1 }))
    const notes = { rings: rings.map((ids, i) => ({ seq: i, ring: `r${i}`, members: members(ids) })) }
    if (name === 'n1') disk.apply([{ table: 'grants', key: 'notes', value: notes }])
    return { name, disk, process: down.includes(name) ? undefined : {} }
  })
}

const ALL = ['n1', 'n2', 'n3', 'n4', 'n5']
const lost = ['n2']

test('what was accepted under a ring of one whose disk is lost may be waited for', () => {
  assert.equal(mayWaitForGone(hosts({ lost }, ['n2'], ['n1', 'n2']), 2), true)
})

test('so it is where one disk is lost and another one left with what it had', () => {
  assert.equal(mayWaitForGone(hosts({ lost, down: ['n5'] }, ALL), 2), true)
  assert.equal(mayWaitForGone(hosts({ lost, down: ['n5'] }, ALL), 3), false, 'three have it')
  assert.equal(mayWaitForGone(hosts({ lost, down: ['n4', 'n5'] }, ALL), 3), true)
  assert.equal(mayWaitForGone(hosts({ lost, down: ['n2'] }, ALL), 2), false, 'it is one')
})

test('nothing is waited for where nothing is lost, another was alone, or as many had it as are wanted', () => {
  assert.equal(mayWaitForGone(hosts({}, ['n2']), 2), false)
  assert.equal(mayWaitForGone(hosts({ lost }, ['n1']), 2), false)
  assert.equal(mayWaitForGone(hosts({ lost }, ['n1', 'n2']), 2), false)
  assert.equal(mayWaitForGone(hosts({ lost }, ['n1', 'n2']), 3), false, 'of two members both have it')
  assert.equal(mayWaitForGone(hosts({ lost, down: ['n5'] }, ['n1', 'n2']), 2), false, 'it was no member')
  assert.equal(mayWaitForGone(hosts({ lost }, []), 2), false, 'nobody was a member')
  assert.equal(mayWaitForGone(hosts({ lost }), 2), false)
})

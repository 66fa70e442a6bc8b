import assert from 'node:assert/strict'
import { test } from 'node:test'
import { syncsOf } from './straces.ts'

const LINES = `1795248641.400000 fdatasync(21</tmp/d/store.sqlite-wal>) = 0 <0.002500>
1795248641.500000 fsync(22</tmp/d/store.sqlite>) = 0 <0.001000>
1795248641.600000 fdatasync(21</tmp/d/store.sqlite-wal>) = -1 EIO (Input/output error) <0.001000>
1795248641.700000 fsync(23</tmp/d/boot.json>)   = 0 <0.001000>
1795248641.800000 fdatasync(21</tmp/d/store.sqlite-wal> <detached ...>
`

test('syncs of the store are counted with their times; failed ones, cut ones and those of other files are not', () => {
  assert.deepEqual(
    syncsOf('n1', LINES).map(({ node, from, to }) => [node, from.toFixed(1), to.toFixed(1)]),
    [
      ['n1', '1795248641400.0', '1795248641402.5'],
      ['n1', '1795248641500.0', '1795248641501.0'],
    ],
  )
})

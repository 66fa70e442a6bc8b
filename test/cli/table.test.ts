import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, test } from 'node:test'
import { duration, paint, sheet, table } from '../../src/cli/table.ts'
import { outputOf } from '../../src/cli/terminal.ts'
import { remember } from './scene.ts'

describe('a table', () => {
  test('aligns columns by what is seen, not by the codes of colours', () => {
    const output = remember({ isTerminal: true, colours: true })
    const rows = [
      { name: 'a', state: paint(output, 'red', 'down'), count: 5 },
      { name: 'long-name', state: 'ready', count: 1_000 },
    ]
    const text = table(rows, [
      { title: 'NAME', cell: row => row.name },
      { title: 'STATE', cell: row => row.state },
      { title: 'COUNT', cell: row => row.count, right: true },
    ])
    assert.equal(
      text.replaceAll(`${String.fromCharCode(27)}[31m`, '').replaceAll(`${String.fromCharCode(27)}[0m`, ''),
      'NAME       STATE  COUNT\na          down       5\nlong-name  ready   1000\n',
    )
  })

  test('has a dash where there is nothing, and no spaces at the end of a line', () => {
    assert.equal(
      sheet([
        ['a', undefined],
        ['bcd', ''],
      ]),
      'a    -\nbcd  -\n',
    )
  })
})

test('durations are told in the units that matter', () => {
  const told = [0, 999, 1_500, 59_949, 200_000, 7_500_000, 200_000_000].map(ms => duration(ms))
  assert.deepEqual(told, ['0 ms', '999 ms', '1.5 s', '59.9 s', '3 min 20 s', '2 h 5 min', '2 d 7 h'])
})

describe('an output', () => {
  test('whose reader has gone is written to no more, and that is no error', async () => {
    const stream = new PassThrough()
    const output = outputOf(stream, {})
    output.write('first')
    stream.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await new Promise(resolve => stream.once('close', resolve))
    assert.equal(output.closed, true)
    output.write('second')
  })

  test('has colours on a terminal, unless NO_COLOR or a dumb one says no', () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    assert.equal(outputOf(terminal, {}).colours, true)
    assert.equal(outputOf(terminal, { NO_COLOR: '1' }).colours, false)
    assert.equal(outputOf(terminal, { TERM: 'dumb' }).colours, false)
    assert.equal(outputOf(new PassThrough(), {}).colours, false)
  })
})

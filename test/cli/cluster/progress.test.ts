import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Progress } from '../../../src/cli/cluster/progress.ts'
import { inAgreement, isFinished } from '../../../src/cli/cluster/watch.ts'
import { widthOf } from '../../../src/cli/table.ts'
import { remember } from '../scene.ts'
import { quorumGrants, sampleOf } from './samples.ts'

describe('progress', () => {
  test('on a terminal replaces the table it drew before', () => {
    const output = remember({ isTerminal: true })
    const progress = new Progress(output)
    progress.show(sampleOf([{ succeeded: 1, ready: 3 }, { succeeded: 0 }], 100), 4)
    const before = output.text.length
    progress.show(sampleOf([{ succeeded: 2, ready: 2 }, { succeeded: 0 }], 200), 4)
    const lines = output.text.slice(0, before).split('\n').length - 1
    assert.ok(output.text.slice(before).startsWith(`\u001b[${lines}A\u001b[J`))
    assert.match(output.text.slice(before), /node-1 +ready +yes +4 +0 +2 .*█{10}░{10}/)
  })

  test('never writes a line wider than the terminal, colours or not', () => {
    const output = remember({ isTerminal: true, colours: true, columns: 30 })
    new Progress(output).show(sampleOf([{ succeeded: 1 }, undefined], 0), 1)
    for (const line of output.text.split('\n')) assert.ok(widthOf(line) < 30, line)
  })

  test('elsewhere writes a line now and then, and none that says nothing new', () => {
    const output = remember()
    const progress = new Progress(output)
    for (let ms = 0; ms <= 6_000; ms += 100)
      progress.show(sampleOf([{ succeeded: ms < 3_000 ? 1 : 2 }], ms), 4)
    assert.equal(
      output.text,
      '   0.0 s  1 of 1 nodes up, one ring  1 of 4 tasks done, 0 running\n' +
        '   3.0 s  1 of 1 nodes up, one ring  2 of 4 tasks done, 0 running\n',
    )
  })

  test('says in quorum mode how many nodes may act', () => {
    const output = remember()
    const grants = [quorumGrants(1_500), quorumGrants()]
    for (const [i, each] of grants.entries())
      new Progress(output).show(sampleOf([{}, {}], i * 5_000, { grants: each }), undefined)
    assert.match(output.text, /2 of 2 nodes up, one ring, quorum mode, 2 may act\n/)
    assert.match(output.text, /quorum mode, 0 may act\n/)
    const terminal = remember({ isTerminal: true })
    new Progress(terminal).show(sampleOf([{}], 0, { grants: quorumGrants() }), 1)
    assert.match(terminal.text, /node-1 +ready +no /)
  })

  test('shows nothing where nothing is wanted', () => {
    const progress = new Progress(undefined)
    progress.say('x')
    progress.show(sampleOf([{}], 0), 1)
    progress.end()
  })
})

describe('the end of the job', () => {
  test('is reached when every task is settled, nothing moves and all agree', () => {
    assert.equal(isFinished(sampleOf([{ succeeded: 3 }, { succeeded: 1 }], 0), 4), true)
    assert.equal(isFinished(sampleOf([{ succeeded: 3 }, { dead: 1 }], 0), 4), true)
  })

  test('is not reached while one is open, taken over, or down, or the rings differ', () => {
    assert.equal(isFinished(sampleOf([{ succeeded: 3 }, { running: 1 }], 0), 4), false)
    assert.equal(
      isFinished(sampleOf([{ succeeded: 3 }, { succeeded: 1 }], 0, { takingOver: true }), 4),
      false,
    )
    assert.equal(isFinished(sampleOf([{ succeeded: 4 }, undefined], 0), 4), false)
    assert.equal(
      isFinished(sampleOf([{ succeeded: 3 }, { succeeded: 1 }], 0, { rings: ['a', 'b'] }), 4),
      false,
    )
  })

  test('needs every node to see all the others', () => {
    assert.equal(inAgreement(sampleOf([{}, {}], 0, { alive: 1 })), false)
    assert.equal(inAgreement(sampleOf([{}, {}], 0)), true)
  })
})

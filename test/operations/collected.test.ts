import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Machine } from '../faults/machine.ts'
import { collected } from './collected.ts'

/** Says for ever that a core was away for a second, a moment ago. */
const STANDS_STILL = `
  const at = () => Number(process.hrtime.bigint()) / 1e6
  require('node:readline').createInterface({ input: process.stdin })
    .on('line', line => console.log('pause ' + at().toFixed(3) + ' 1000\\n' + line))
    .on('close', () => process.exit())`

const how = {
  say: () => undefined,
  excess: (figures: Readonly<Record<string, number>>) => ({ ms: figures['over'] ?? 0 }),
}

function machine(t: { after(done: () => void): void }): Machine {
  const one = new Machine([process.execPath, '-e', STANDS_STILL])
  t.after(() => one.stop())
  return one
}

test('what was measured before a trial broke off counts, and why it broke off is told', async t => {
  const play = async (round: number) => {
    if (round === 2) throw new Error('waited 60 s in vain')
    return { round }
  }
  const { trials, disturbed, broken } = await collected(machine(t), 50, play, how)
  assert.deepEqual([trials, disturbed, broken], [[{ round: 0 }, { round: 1 }], [], 'waited 60 s in vain'])
})

test('a trial that is played again counts once, and stands apart', async t => {
  const play = async (round: number) => ({ round, over: round === 1 ? 500 : 0 })
  const { trials, disturbed, broken } = await collected(machine(t), 2, play, how)
  const rounds = (some: readonly Readonly<Record<string, number>>[]) => some.map(figures => figures['round'])
  assert.deepEqual([rounds(trials), rounds(disturbed), broken], [[0, 2], [1], undefined])
})

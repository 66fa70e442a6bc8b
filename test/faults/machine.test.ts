import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Machine } from './machine.ts'

/** Answers each line with itself, and tells of a pause before it where the line at hand is one of these. */
const scripted = (t: TestContext, ...disturbed: readonly number[]): Machine => {
  const script = `
    let line = 0
    require('node:readline').createInterface({ input: process.stdin }).on('line', text => {
      if (${JSON.stringify(disturbed)}.includes(line++)) console.log('pause ' + (Number(process.hrtime.bigint()) / 1e6).toFixed(3) + ' 240')
      console.log(text)
    })`
  const machine = new Machine([process.execPath, '-e', script])
  t.after(() => machine.stop())
  return machine
}

const play = async (turn: number): Promise<number> => {
  await pause(5)
  return turn
}

const never = (): void => assert.fail('nothing to tell')

test('the real watch answers at once', async t => {
  const machine = new Machine()
  t.after(() => machine.stop())
  const pauses = await machine.since(0)
  assert.ok(pauses.every(({ at, ms }) => at > 0 && ms > 0))
})

test('a trial with a pause in it is played again and told of, and what it came to is handed over', async t => {
  const machine = scripted(t, 1, 2)
  const told: string[] = []
  const disturbed: number[] = []
  const say = (text: string) => told.push(text)
  const seen = await machine.trials(3, play, {
    holds: () => false,
    say,
    disturbed: turn => disturbed.push(turn),
  })
  assert.deepEqual(seen, [0, 3, 4])
  assert.deepEqual(disturbed, [1, 2])
  assert.match(told[0] ?? '', /trial 2 is played again: .* 1 times, for up to 240 ms/)
  assert.equal(machine.pauses.length, 2)
})

test('without a pause nothing is played twice', async t => {
  const machine = scripted(t)
  assert.deepEqual(await machine.trials(2, play, { holds: () => false, say: never }), [0, 1])
})

test('a machine that is never still enough is an error, not a wait without end', async t => {
  const machine = scripted(t, ...Array.from({ length: 100 }, (_, i) => i))
  let played = 0
  const playing = machine.trials(
    1,
    turn => {
      played++
      return play(turn)
    },
    { holds: () => false, say: () => undefined },
  )
  await assert.rejects(playing, /stood still in 14 of 14 trials that failed/)
  assert.equal(played, 14)
})

test('a watch that has ended is an error', async () => {
  const machine = new Machine([process.execPath, '-e', ''])
  await assert.rejects(async () => {
    for (;;) await Promise.race([machine.since(0), new Promise(resolve => setTimeout(resolve, 20))])
  }, /nobody watches the machine/)
})

test('what held in spite of a pause counts', async t => {
  const machine = scripted(t, 0, 1)
  assert.deepEqual(await machine.trials(2, play, { holds: turn => turn === 0, say: () => undefined }), [0, 2])
})

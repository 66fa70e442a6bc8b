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
    excess: () => ({ ms: 100 }),
    say,
    again: turn => disturbed.push(turn),
  })
  assert.deepEqual(seen, [0, 3, 4])
  assert.deepEqual(disturbed, [1, 2])
  assert.match(
    told[0] ?? '',
    /trial 2 is played again: this machine stood still for 240 ms in it, and 0 ms before; it came to 1/,
  )
})

test('without a pause nothing is played twice', async t => {
  const machine = scripted(t)
  assert.deepEqual(await machine.trials(2, play, { excess: () => ({ ms: 100 }), say: never }), [0, 1])
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
    { excess: () => ({ ms: 100 }), say: () => undefined },
  )
  await assert.rejects(playing, /6 of 6 trials failed/)
  assert.equal(played, 6)
})

test('a watch that has ended is an error', async () => {
  const machine = new Machine([process.execPath, '-e', ''])
  await assert.rejects(async () => {
    for (;;) await Promise.race([machine.since(0), new Promise(resolve => setTimeout(resolve, 20))])
  }, /nobody watches the machine/)
})

test('what held in spite of a pause counts', async t => {
  const machine = scripted(t, 0)
  assert.deepEqual(
    await machine.trials(2, play, { excess: turn => ({ ms: turn === 0 ? 0 : 1 }), say: () => undefined }),
    [0, 2],
  )
})

test('what is over by more than the machine stood still, or never came, is no matter of the machine', async t => {
  for (const ms of [341, Number.POSITIVE_INFINITY]) {
    const machine = scripted(t, 0)
    assert.deepEqual(await machine.trials(1, play, { excess: () => ({ ms }), say: never }), [0])
  }
})

test('a pause before a trial is an excuse for what is remembered only', async t => {
  const machine = scripted(t, 0)
  await machine.since(0)
  const how = { say: () => undefined, memoryMs: 60_000 }
  assert.deepEqual(await machine.trials(1, play, { ...how, excess: () => ({ ms: 10 }) }), [0])
  const excess = (turn: number) => ({ ms: 0, rememberedMs: turn === 0 ? 10 : 0 })
  assert.deepEqual(await machine.trials(1, play, { ...how, excess }), [1])
})

/** Tasks handed in line by line, by a source that need not end. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type BatchPatience, submitMany } from '../../../src/cli/commands/submit-many.ts'
import { lineDaemon, TAKEN } from '../line-daemon.ts'
import { remember } from '../scene.ts'

/** Its standard input is written while it runs. */
function submitting(
  url: string,
  patience: Partial<BatchPatience>,
  lines: AsyncIterable<string>,
  json = false,
) {
  const [out, err] = [remember(), remember()]
  const stop = new AbortController()
  const terminal = {
    ...{ out, err, env: {}, readInput: async () => undefined, openInput: () => undefined },
    ...{ interrupted: stop.signal, killed: new AbortController().signal },
  }
  const call = { args: [], values: { url }, json, terminal }
  const settings = { roundsMax: 3, pauseMs: 5, pauseMsMax: 10, quietMs: 10_000, ...patience }
  return { stop, out, err, done: submitMany(call, { lines, name: 'a test' }, {}, settings) }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000
  while (!holds()) {
    assert.ok(performance.now() < end, what)
    await pause(5)
  }
}

const FULL = { code: 'QUEUE_FULL', stored: 'no', detail: 'full', retryAfterS: 0.001 }
const lineOf = (i: number): string => `{"type":"echo","id":"t${i}"}`

describe('submit, without an end', () => {
  test('reads no further while much waits to be sent again', async () => {
    const count = 30_000
    let read = 0
    await using daemon = await lineDaemon((_, __, round) => (round === 1 ? FULL : TAKEN))
    async function* source(): AsyncGenerator<string> {
      for (; read < count; read++) yield lineOf(read)
    }
    const { done, out } = submitting(daemon.url, {}, source())
    assert.equal(await done, 0)
    assert.equal(out.text, `${count} accepted, 0 known already, 0 refused, 0 unknown\n`)
    const [first] = daemon.rounds
    assert.ok((first?.length ?? 0) < 25_000, `${first?.length} of ${count} in the round that took nothing`)
  })

  test('what was to be sent again and had not been when the connection broke is not lost', async () => {
    const count = 3_000
    const payload = 'x'.repeat(8_000)
    await using daemon = await lineDaemon((_, line, round) => {
      if (round === 2) return line === 1 ? 'break' : FULL
      return round === 1 ? FULL : TAKEN
    })
    async function* source(): AsyncGenerator<string> {
      for (let i = 0; i < count; i++) yield `{"type":"echo","id":"t${i}","payload":"${payload}"}`
    }
    const { done, out } = submitting(daemon.url, { roundsMax: 5 }, source())
    assert.equal(await done, 0)
    assert.equal(out.text, `${count} accepted, 0 known already, 0 refused, 0 unknown\n`)
    assert.equal(new Set(daemon.rounds.slice(2).flatMap(round => round.map(({ id }) => id))).size, count)
  })

  test('rounds in which something is stored are as many as it takes', async () => {
    const count = 12
    await using daemon = await lineDaemon((_, line) => (line === 1 ? TAKEN : FULL))
    async function* source(): AsyncGenerator<string> {
      for (let i = 0; i < count; i++) yield lineOf(i)
    }
    const { done, out } = submitting(daemon.url, {}, source())
    assert.equal(await done, 0)
    assert.match(out.text, new RegExp(`^${count} accepted, `))
    assert.equal(daemon.rounds.length, count)
  })

  test('what is stored in the last of them gives all that was refused in it a further one', async () => {
    // Room for one of them, the first or the last of that round, and for all of them a round later.
    for (const lucky of [1, 4]) {
      await using daemon = await lineDaemon((_, line, round) =>
        round > 3 || (round === 3 && line === lucky) ? TAKEN : FULL,
      )
      async function* source(): AsyncGenerator<string> {
        for (let i = 0; i < 4; i++) yield lineOf(i)
      }
      const { done, out } = submitting(daemon.url, {}, source())
      assert.equal(await done, 0)
      assert.equal(out.text, '4 accepted, 0 known already, 0 refused, 0 unknown\n')
      assert.deepEqual(
        daemon.rounds.map(round => round.length),
        [4, 4, 4, 3],
      )
    }
  })

  test('a daemon that ends every request without all answers is given up', async () => {
    await using daemon = await lineDaemon((_, line) => (line === 1 ? FULL : { line: 0 }))
    async function* source(): AsyncGenerator<string> {
      for (let i = 0; i < 2; i++) yield lineOf(i)
    }
    const { done, out } = submitting(daemon.url, {}, source())
    await assert.rejects(done, { code: 'ANSWER_LOST', message: /had no answer/ })
    assert.equal(out.text, '0 accepted, 0 known already, 0 refused, 2 unknown\n')
    assert.equal(daemon.rounds.length, 3)
  })

  test('so many in a row in which nothing is are enough', async () => {
    // Those before one in which something is do not count, nor does that one.
    for (const [stored, rounds] of [
      [0, 3],
      [2, 5],
    ] as const) {
      await using daemon = await lineDaemon((_, line, round) =>
        round === stored && line === 1 ? TAKEN : FULL,
      )
      async function* source(): AsyncGenerator<string> {
        for (let i = 0; i < 2; i++) yield lineOf(i)
      }
      const { done, out } = submitting(daemon.url, {}, source())
      assert.equal(await done, 1)
      const accepted = stored > 0 ? 1 : 0
      assert.equal(out.text, `${accepted} accepted, 0 known already, ${2 - accepted} refused, 0 unknown\n`)
      assert.equal(daemon.rounds.length, rounds)
    }
  })

  test('a source that is quiet again and again is no failure, and keeps no request open', async () => {
    const count = 6
    const took = Array.from({ length: count }, () => Promise.withResolvers<void>())
    await using daemon = await lineDaemon(task => {
      took[Number(task.id.slice(1))]?.resolve()
      return TAKEN
    })
    async function* source(): AsyncGenerator<string> {
      for (let i = 0; i < count; i++) {
        yield lineOf(i)
        await took[i]?.promise
        // Goes on only when the request in which that one went has ended.
        await daemon.idle()
      }
    }
    const { done, out } = submitting(daemon.url, { quietMs: 5 }, source())
    assert.equal(await done, 0)
    assert.match(out.text, /^6 accepted, /)
    assert.equal(daemon.rounds.length, count)
  })

  test('what was refused is sent again although the source is quiet', async () => {
    const again = Promise.withResolvers<void>()
    await using daemon = await lineDaemon((_, __, round) => {
      if (round > 1) again.resolve()
      return round === 1 ? FULL : TAKEN
    })
    async function* source(): AsyncGenerator<string> {
      yield lineOf(0)
      await again.promise
    }
    const { done, out } = submitting(daemon.url, {}, source())
    assert.equal(await done, 0)
    assert.match(out.text, /^1 accepted, /)
  })

  test('ends at once when it is told to while its source is quiet', async () => {
    await using daemon = await lineDaemon(() => TAKEN)
    const never = Promise.withResolvers<void>()
    async function* source(): AsyncGenerator<string> {
      yield lineOf(0)
      await never.promise
    }
    const { done, stop } = submitting(daemon.url, { quietMs: 5 }, source())
    await daemon.first
    await daemon.idle()
    stop.abort(new Error('enough'))
    await assert.rejects(done, /enough/)
  })
})

describe('submit, cut short', () => {
  const results = (text: string) =>
    text
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line))

  async function* five(never: Promise<void>): AsyncGenerator<string> {
    for (let i = 0; i < 5; i++) yield lineOf(i)
    await never
  }

  /** Takes t0 and t3, has no room for t1, and does not answer t2 and t4. */
  const halfDeaf = () =>
    lineDaemon(({ id }) => {
      if (id === 't1') return FULL
      return id === 't0' || id === 't3' ? TAKEN : { line: 0 }
    })

  test('Ctrl-C tells every line that is open, what is stored, and which line was the last', async () => {
    await using daemon = await halfDeaf()
    const { promise: never } = Promise.withResolvers<void>()
    const { done, stop, out } = submitting(daemon.url, {}, five(never), true)
    await until('two are stored and all are sent', () => {
      return results(out.text).length === 2 && daemon.rounds[0]?.length === 5
    })
    stop.abort(new Error('enough'))
    await assert.rejects(done, /enough/)
    const [, , ...open] = results(out.text)
    assert.deepEqual(open.pop(), {
      summary: { accepted: 2, existed: 0, refused: 1, unknown: 2 },
      lastLine: 5,
    })
    assert.deepEqual(
      open.map(({ line, id, code, stored }) => [line, id, code, stored]),
      [
        [2, 't1', 'QUEUE_FULL', 'no'],
        [3, 't2', 'ANSWER_LOST', 'unknown'],
        [5, 't4', 'ANSWER_LOST', 'unknown'],
      ],
    )
  })

  test('so it does for people', async () => {
    await using daemon = await halfDeaf()
    const { promise: never } = Promise.withResolvers<void>()
    const { done, stop, out, err } = submitting(daemon.url, {}, five(never))
    await until('all are sent', () => daemon.rounds[0]?.length === 5)
    stop.abort(new Error('enough'))
    await assert.rejects(done, /enough/)
    assert.match(out.text, /^\d accepted, 0 known already, \d refused, \d unknown\n$/)
    assert.match(err.text, /^line 3: t2: ANSWER_LOST: no answer came\nline [45]: /m)
    assert.match(err.text, /^no line after 5 was sent$/m)
  })

  test('a daemon that has gone for good leaves a summary, and no word that nothing was done', async () => {
    const daemon = await lineDaemon(({ id }) => (id === 't0' ? TAKEN : FULL))
    async function* source(): AsyncGenerator<string> {
      for (let i = 0; i < 2; i++) yield lineOf(i)
    }
    const { done, out, err } = submitting(daemon.url, { roundsMax: 30 }, source())
    await until('t1 is sent again', () => daemon.rounds.length > 1)
    await daemon[Symbol.asyncDispose]()
    await assert.rejects(done, { code: 'ANSWER_LOST', message: /ECONNREFUSED/ })
    assert.match(out.text, /^1 accepted, 0 known already, (1 refused, 0 unknown|0 refused, 1 unknown)\n$/)
    assert.match(err.text, /^line 2: t1: [A-Z_]+: /m)
  })

  test('what could not be sent at all is not stored, and is sent again even if it has no id', async () => {
    const nobody = await lineDaemon(() => TAKEN)
    await nobody[Symbol.asyncDispose]()
    async function* source(): AsyncGenerator<string> {
      yield lineOf(0)
      yield '{"type":"echo","placement":"random"}'
    }
    const { done, out, err } = submitting(nobody.url, { roundsMax: 2 }, source())
    await assert.rejects(done, { code: 'DAEMON_UNREACHABLE' })
    assert.match(out.text, /^0 accepted, 0 known already, [12] refused, 0 unknown\n$/)
    assert.match(err.text, /^[12] tasks are sent again in 0 s: DAEMON_UNREACHABLE$/m)
    assert.doesNotMatch(err.text, /ANSWER_LOST/)
  })
})

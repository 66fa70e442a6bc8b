/**
 * What every durable store promises, as a suite to run on each of them: the real one, one in memory, and the disk of
 * the simulator.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CodedError } from '../../src/base/errors.ts'
import type { Store } from '../../src/runtime/ports.ts'

type Write = Parameters<Store['commit']>[0][number]
type Value = NonNullable<Write['value']> | null

/** A place that outlives the stores opened on it. */
export interface StorePlace {
  /** Opens a store on what the place holds; the one before it was closed or crashed. */
  open(): Promise<Store>
  /** Cuts the power under the open store: afterwards `open` shows what was durable at that moment. */
  crash(): Promise<void>
  /** From now on the disk fails for good, until the store is opened again. Absent where a test cannot do that. */
  breakDisk?(): Promise<void>
  /** Frees everything. */
  remove(): Promise<void>
}

export function storeContract(name: string, place: () => Promise<StorePlace>): void {
  const using = (claim: string, run: (place: StorePlace) => Promise<void>): void => {
    test(claim, async () => {
      const here = await place()
      try {
        await run(here)
      } finally {
        await here.remove()
      }
    })
  }

  describe(`the store contract on ${name}`, () => {
    using('a new store is empty', async place => {
      const store = await place.open()
      assert.deepEqual(await store.load('tasks'), [])
      assert.deepEqual(await store.load('grants'), [])
      await store.close()
    })

    using('what was committed is there after closing and opening, in its own table', async place => {
      const rows = await reopened(place, store =>
        store.commit([put('a', { n: 1 }), { table: 'grants', key: 'a', value: 'other' }]),
      )
      assert.deepEqual(rows.tasks, [{ key: 'a', value: { n: 1 } }])
      assert.deepEqual(rows.grants, [{ key: 'a', value: 'other' }])
    })

    using('every kind of JSON value comes back as it went', async place => {
      const values: Value[] = [
        null,
        true,
        0,
        -1.5e300,
        '',
        'ü "\u0000" 😀',
        [],
        [1, [null]],
        { a: { b: [] } },
      ]
      const rows = await reopened(place, store => store.commit(values.map((value, i) => put(`k${i}`, value))))
      const byKey = new Map(rows.tasks.map(row => [row.key, row.value]))
      assert.deepEqual(
        values.map((_, i) => byKey.get(`k${i}`)),
        values,
      )
    })

    using('whatever is in the keys, each is its own', async place => {
      const keys = ['b', 'a', 'B', 'é', '\u{1f600}', '\uffee', "o'r", 'a\u0000b', '%_', 'z'.repeat(1000)]
      const rows = await reopened(place, store => store.commit(keys.map(key => put(key, key))))
      assert.deepEqual(rows.tasks.map(row => row.key).sort(), [...keys].sort())
      assert.deepEqual(
        rows.tasks.map(row => row.value),
        rows.tasks.map(row => row.key),
      )
    })

    using('an undefined value deletes its row, and deleting nothing is no error', async place => {
      const rows = await reopened(place, async store => {
        await store.commit([put('gone', 1), put('stays', 2)])
        await store.commit([put('gone', undefined), put('never', undefined)])
      })
      assert.deepEqual(rows.tasks, [{ key: 'stays', value: 2 }])
    })

    using('the last write of a key wins, in one commit and across commits', async place => {
      const rows = await reopened(place, async store => {
        await Promise.all([
          store.commit([put('a', 1), put('a', undefined), put('a', 2)]),
          store.commit([put('b', 1)]),
          store.commit([put('b', 2), put('c', 3)]),
          store.commit([put('c', undefined)]),
        ])
      })
      assert.deepEqual(
        new Map(rows.tasks.map(row => [row.key, row.value])),
        new Map([
          ['a', 2],
          ['b', 2],
        ]),
      )
    })

    using('commits resolve in the order of the calls, and an empty one is a barrier', async place => {
      const store = await place.open()
      const order: number[] = []
      const commits = Array.from({ length: 50 }, (_, i) =>
        store.commit(i % 10 === 9 ? [] : [put(`k${i}`, i)]).then(() => order.push(i)),
      )
      await Promise.all(commits)
      assert.deepEqual(
        order,
        Array.from({ length: 50 }, (_, i) => i),
      )
      await store.close()
    })

    using('an urgent commit is durable like any other, and a later one finds it durable', async place => {
      const rows = await reopened(place, async store => {
        const order: string[] = []
        const said = (name: string) => () => void order.push(name)
        const bulk = store.commit([put('bulk', 1)]).then(said('bulk'))
        const word = store.commit([{ table: 'grants', key: 'top', value: 5 }], true).then(said('word'))
        const barrier = store.commit([]).then(said('barrier'))
        await Promise.all([bulk, word, barrier])
        assert.equal(order.at(-1), 'barrier')
      })
      assert.deepEqual(rows.tasks, [{ key: 'bulk', value: 1 }])
      assert.deepEqual(rows.grants, [{ key: 'top', value: 5 }])
    })

    using('calls made while a commit is under way share the next transaction', async place => {
      const store = await place.open()
      const first = store.commit([put('first', 0)])
      await Promise.resolve()
      await Promise.resolve()
      const before = counter(store, 'store_transactions_total')
      await Promise.all([first, ...Array.from({ length: 100 }, (_, i) => store.commit([put(`k${i}`, i)]))])
      assert.equal(counter(store, 'store_commits_total'), 101)
      assert.ok(counter(store, 'store_transactions_total') - before <= 2)
      await store.close()
    })

    using('values are read at the call: changing them afterwards changes nothing', async place => {
      const value = { n: 1 }
      const rows = await reopened(place, async store => {
        const done = store.commit([put('a', value)])
        value.n = 2
        await done
      })
      assert.deepEqual(rows.tasks, [{ key: 'a', value: { n: 1 } }])
    })

    using('after a crash everything acknowledged is there, and nothing out of order', async place => {
      const store = await place.open()
      let acknowledged = 0
      const half = Promise.withResolvers<void>()
      for (let i = 0; i < 400; i++) {
        const done = store.commit([put(key(i), i)]).then(() => {
          if (++acknowledged === 100) half.resolve()
        })
        done.catch(() => undefined) // the crash may reject what was on its way
        if (i % 25 === 24) await new Promise(resolve => setImmediate(resolve))
      }
      await half.promise
      const atLeast = acknowledged
      await place.crash()
      const after = await (await place.open()).load('tasks')
      assert.ok(after.length >= atLeast, `${atLeast} acknowledged, ${after.length} found`)
      assert.deepEqual(
        after.map(row => row.key).sort(),
        Array.from({ length: after.length }, (_, i) => key(i)),
      )
    })

    using('closing waits for what was committed, twice as well as once', async place => {
      const store = await place.open()
      const done = store.commit([put('a', 1)])
      await Promise.all([store.close(), store.close()])
      await done
      const again = await place.open()
      assert.equal((await again.load('tasks')).length, 1)
      await again.close()
    })

    using('a commit after closing rejects with STORE_FAILED', async place => {
      const store = await place.open()
      await store.close()
      await assert.rejects(store.commit([put('a', 1)]), hasCode('STORE_FAILED'))
    })

    using(
      'after one failed write every commit rejects with STORE_FAILED and nothing acknowledged is lost',
      async place => {
        const store = await place.open()
        await store.commit([put('before', 1)])
        if (place.breakDisk === undefined) return store.close()
        await place.breakDisk()
        const blob = 'x'.repeat(200_000)
        const results = await Promise.allSettled(
          Array.from({ length: 20 }, (_, i) => store.commit([put(`during${i}`, blob)])),
        )
        const failures = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
        assert.ok(failures.length > 0)
        for (const failure of failures) assert.ok(hasCode('STORE_FAILED')(failure))
        await assert.rejects(store.commit([put('after', 1)]), hasCode('STORE_FAILED'))
        await store.close()
        const again = await (await place.open()).load('tasks')
        assert.ok(again.some(row => row.key === 'before'))
        assert.ok(!again.some(row => row.key === 'after'))
      },
    )

    using('metrics have names of their own and counters that rise', async place => {
      const store = await place.open()
      const before = store.metrics()
      assert.equal(new Set(before.map(metric => metric.name)).size, before.length)
      await store.commit([put('a', 1)])
      for (const metric of before.filter(metric => metric.type === 'counter')) {
        assert.ok(counter(store, metric.name) >= (metric.samples[0]?.value ?? 0), metric.name)
      }
      for (const name of ['store_commits_total', 'store_transactions_total']) {
        const was = before.find(metric => metric.name === name)?.samples[0]?.value ?? 0
        assert.ok(counter(store, name) > was, name)
      }
      await store.close()
    })

    using('any sequence of commits leaves what a map would hold', async place => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(writes, { maxLength: 6 }), { maxLength: 12 }), async commits => {
          const model = { tasks: new Map<string, unknown>(), grants: new Map<string, unknown>() }
          const store = await place.open()
          for (const table of ['tasks', 'grants'] as const) {
            for (const row of await store.load(table)) model[table].set(row.key, row.value)
          }
          for (const { table, key, value } of commits.flat()) {
            if (value === undefined) model[table].delete(key)
            else model[table].set(key, value)
          }
          await Promise.all(commits.map(each => store.commit(each)))
          await store.close()
          const again = await place.open()
          for (const table of ['tasks', 'grants'] as const) {
            const rows = await again.load(table)
            assert.deepEqual(new Map(rows.map(row => [row.key, row.value])), model[table])
          }
          await again.close()
        }),
        { numRuns: 15 },
      )
    })
  })
}

const writes: fc.Arbitrary<Write> = fc.record({
  table: fc.constantFrom('tasks' as const, 'grants' as const),
  key: fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.string({ unit: 'grapheme' })),
  value: fc.option(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { nil: undefined }),
})

const key = (i: number): string => `k${String(i).padStart(6, '0')}`

function put(key: string, value: Write['value']): Write {
  return { table: 'tasks', key, value }
}

async function reopened(
  place: StorePlace,
  run: (store: Store) => Promise<void>,
): Promise<Record<Write['table'], readonly { key: string; value: unknown }[]>> {
  const store = await place.open()
  await run(store)
  await store.close()
  const again = await place.open()
  const rows = { tasks: await again.load('tasks'), grants: await again.load('grants') }
  await again.close()
  return rows
}

function counter(store: Store, name: string): number {
  const metric = store.metrics().find(metric => metric.name === name)
  assert.ok(metric, `no metric ${name}`)
  return metric.samples[0]?.value ?? 0
}

function hasCode(code: CodedError['code']): (error: unknown) => boolean {
  return error => error instanceof CodedError && error.code === code
}

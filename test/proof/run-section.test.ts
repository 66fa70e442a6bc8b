import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Section } from './line.ts'
import { verdictOf } from './must-show.ts'
import { runSection } from './run-section.ts'

const section = (some: Partial<Section>): Section => ({
  name: 'some',
  cannot: () => undefined,
  run: () => Promise.resolve({ shown: [], raw: undefined }),
  ...some,
})

test('a section that breaks off does not hold, says why, and ends nothing but itself', async () => {
  const { shown } = await runSection(section({ run: async () => JSON.parse('') as never }))
  assert.deepEqual(
    shown.map(({ holds }) => holds),
    [false],
  )
  assert.match(shown[0]?.figure ?? '', /Unexpected end of JSON input/)
})

test('a section that cannot run here says so, and claims nothing', async () => {
  const { unproven, shown } = await runSection(section({ cannot: () => 'needs root' }))
  assert.deepEqual([unproven, shown], ['needs root', []])
})

test('a section that is run with less than has to be shown shows nothing, and fails all the same', async () => {
  const verdict = async (holds: boolean): Promise<string> => {
    const run = () =>
      Promise.resolve({ shown: [{ claim: 'no violation', holds, figure: '' }], raw: undefined })
    const result = await runSection(section({ short: 'SEEDS=200', run }))
    return verdictOf({ line: '10,000 seeds', sections: ['some'] }, [result], ['some'])
  }
  assert.deepEqual([await verdict(true), await verdict(false)], ['unproven', 'FAILS'])
})

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { CodedError } from '../../src/base/errors.ts'
import { type ConfigSources, parseConfig } from '../../src/config/parse.ts'
import { readElsewhere } from '../../src/daemon/reading.ts'

const timeout = { timeout: 60_000 }
let scratch = ''
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'roundtable-reading-'))
})
after(() => rm(scratch, { recursive: true }))

/** A file with a thousand schedules. */
async function large(): Promise<ConfigSources> {
  const schedule = (i: number) =>
    `  - name: job-${i}\n    cron: "${i % 60} 3 * * *"\n    task:\n      type: echo\n      payload: {tenant: ${i}, list: [1, 2, 3]}\n`
  const file = join(scratch, 'large.yaml')
  await writeFile(
    file,
    `cluster: large\nschedules:\n${Array.from({ length: 1_000 }, (_, i) => schedule(i)).join('')}`,
  )
  return { file, env: { ROUNDTABLE_WEIGHT: '2' }, flags: { 'node-id': 'one' } }
}

/** What was found, and the milliseconds of CPU that this thread spent on it. */
async function withCpuMs<Found>(find: () => Found | Promise<Found>): Promise<[Found, number]> {
  const before = process.threadCpuUsage()
  const found = await find()
  const { user, system } = process.threadCpuUsage(before)
  return [found, (user + system) / 1_000]
}

test('a large configuration is read as ever, and this thread hardly works for it', timeout, async () => {
  const sources = await large()
  await readElsewhere({ text: 'cluster: warm' })
  const [elsewhere, elsewhereMs] = await withCpuMs(() => readElsewhere(sources))
  const [here, hereMs] = await withCpuMs(() => parseConfig(sources))
  assert.deepEqual(elsewhere, here)
  assert.ok(elsewhereMs < hereMs / 2, `${elsewhereMs} ms of this thread, and ${hereMs} when it is read here`)
})

test('what is wrong is told as if it had been read here', timeout, async () => {
  const sources = { text: 'cluster: [1]\nweight: heavy\n', env: {} }
  const refusal = (error: unknown) => {
    assert.ok(error instanceof CodedError)
    return { code: error.code, detail: error.detail, problems: error.problems }
  }
  const elsewhere = await readElsewhere(sources).then(() => assert.fail('it was taken'), refusal)
  assert.throws(
    () => parseConfig(sources),
    error => {
      assert.deepEqual(elsewhere, refusal(error))
      return true
    },
  )
  const missing = await readElsewhere({ file: join(scratch, 'none.yaml') }).then(() => undefined, refusal)
  assert.equal(missing?.code, 'CONFIG_UNREADABLE')
})

import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sayOpenDirectory, sayOpenSecrets } from '../../src/daemon/permissions.ts'
import type { Logger } from '../../src/runtime/ports.ts'

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'roundtable-permissions-'))
})
after(() => rm(directory, { recursive: true }))

/** A logger, and what it was told: level, path and mode. */
function recorded() {
  const lines: unknown[][] = []
  const logger: Logger = {
    log(level, event, fields) {
      assert.equal(event, 'secret-file-open')
      lines.push([level, fields?.['path'], fields?.['mode']])
      assert.match(String(fields?.['detail']), /^expected a .* that only its owner can .*: chmod [67]00 /)
    },
  }
  return { lines, logger }
}

test('a key that others can read or change, and a directory that they can write to, are warnings', async () => {
  const key = join(directory, 'identity.key')
  await writeFile(key, 'key')
  const found = async (directoryMode: number, keyMode: number) => {
    const { lines, logger } = recorded()
    await chmod(key, keyMode)
    await chmod(directory, directoryMode)
    await sayOpenDirectory(directory, key, logger)
    return lines
  }
  assert.deepEqual(await found(0o700, 0o600), [])
  assert.deepEqual(await found(0o755, 0o400), [])
  assert.deepEqual(await found(0o700, 0o644), [['warn', key, '0644']])
  assert.deepEqual(await found(0o700, 0o620), [['warn', key, '0620']])
  assert.deepEqual(await found(0o777, 0o602), [
    ['warn', directory, '0777'],
    ['warn', key, '0602'],
  ])
  assert.deepEqual(await found(0o770, 0o600), [['warn', directory, '0770']])
  assert.deepEqual(await found(0o1777, 0o600), [['warn', directory, '1777']])
})

test('a volume that Kubernetes hands to the group of the pod is said without alarm, but not to all', async () => {
  const key = join(directory, 'identity.key')
  await writeFile(key, 'key')
  await chmod(key, 0o660)
  for (const [mode, level] of [
    [0o2770, 'info'],
    [0o2777, 'warn'],
  ] as const) {
    const { lines, logger } = recorded()
    await chmod(directory, mode)
    await sayOpenDirectory(directory, key, logger)
    assert.deepEqual(lines, [
      [level, directory, mode.toString(8)],
      ['info', key, '0660'],
    ])
  }
})

test('secret files that others can read or write are said, others and missing ones are not', async () => {
  const modes = [0o600, 0o400, 0o640, 0o604, 0o602, 0o620]
  const paths = modes.map(mode => join(directory, mode.toString(8)))
  for (const [i, path] of paths.entries()) {
    await writeFile(path, 'secret')
    await chmod(path, modes[i] ?? 0)
  }
  const { lines, logger } = recorded()
  await sayOpenSecrets([...paths, join(directory, 'gone')], logger)
  assert.deepEqual(
    lines,
    [2, 3, 4, 5].map(i => ['info', paths[i], `0${modes[i]?.toString(8)}`]),
  )
})

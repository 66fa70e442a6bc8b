import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CodedError } from '../../../src/base/errors.ts'
import { TASK_ID_PATTERN } from '../../../src/base/ids.ts'
import { joinBooks } from '../../../src/cli/cluster/books.ts'
import { jobFiles, PACKAGE_DIRECTORY, taskIdOf } from '../../../src/cli/cluster/file-job.ts'
import { linesOf, verify, writeLines } from '../../../src/cli/cluster/manifest.ts'
import { record } from '../records.ts'

const FILES = ['LICENSE', 'package.json', 'tsconfig.json']
const never = new AbortController().signal
const sha256sum = '/usr/bin/env'

/** `env sha256sum -- ...`, so that the test needs no absolute path. */
const direct = (files: readonly string[]) =>
  execFileSync('sha256sum', ['--', ...files], { cwd: PACKAGE_DIRECTORY, encoding: 'utf8' })
    .trimEnd()
    .split('\n')

const tool = execFileSync(sha256sum, ['sh', '-c', 'command -v sha256sum'], { encoding: 'utf8' }).trim()

function storiesOf(printed: Readonly<Record<string, string>>) {
  return joinBooks([
    Object.entries(printed).map(([path, stdout]) =>
      record(taskIdOf(path), { key: path, result: { stdout } }),
    ),
  ])
}

describe('the manifest', () => {
  test('holds what the tasks printed, in the order of the files, and is what sha256sum -c takes', async () => {
    const lines = direct(FILES)
    const stories = storiesOf(Object.fromEntries(FILES.map((path, i) => [path, `${lines[i]}\n`]).reverse()))
    const found = linesOf(FILES, stories)
    assert.deepEqual(found, lines)
    const directory = await mkdtemp(join(tmpdir(), 'roundtable-test-'))
    try {
      const path = join(directory, 'deep', 'manifest.sha256')
      await writeLines(path, lines)
      assert.equal(await readFile(path, 'utf8'), `${lines.join('\n')}\n`)
      execFileSync('sha256sum', ['-c', '--quiet', path], { cwd: PACKAGE_DIRECTORY })
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('is found equal to sha256sum only when every line is', async () => {
    const lines = direct(FILES)
    assert.deepEqual(await verify(tool, FILES, lines, never), { equal: true, differences: [], differing: 0 })
  })

  test('that lacks, changes or mixes up a line is found out', async () => {
    const [first = '', second = '', third = ''] = direct(FILES)
    const wrong = first.replace(/^./, digit => (digit === '0' ? '1' : '0'))
    for (const lines of [
      [undefined, second, third],
      [wrong, second, third],
      [second, first, third],
    ]) {
      const verdict = await verify(tool, FILES, lines, never)
      assert.equal(verdict.equal, false)
      assert.ok(verdict.differing >= 1)
    }
  })

  test('has no line for a task that did not succeed', () => {
    const dead = record(taskIdOf('LICENSE'), { state: 'dead', result: { stdout: 'x' } })
    assert.deepEqual(linesOf(['LICENSE'], joinBooks([[dead]])), [undefined])
  })

  test('of a file that is not there differs', async () => {
    const verdict = await verify(tool, ['no-such-file'], ['0  no-such-file'], never)
    assert.equal(verdict.differing, 1)
  })

  test('that cannot be written is an error with a code', async () => {
    await assert.rejects(
      writeLines('/dev/null/manifest', []),
      (error: unknown) => error instanceof CodedError && error.code === 'OUTPUT_UNWRITABLE',
    )
  })
})

describe('the files of the job', () => {
  test('are regular files below node_modules, sorted, thousands of them', async () => {
    const files = await jobFiles()
    assert.ok(files.length >= 2_000)
    assert.deepEqual(files, [...files].sort())
    assert.ok(files.every(path => path.startsWith('node_modules/')))
  })

  test('get ids that are valid and differ, whatever their names are', () => {
    const names = ['a', 'a b', 'a%20b', 'ü', '"', `long/${'x'.repeat(400)}`, `long/${'x'.repeat(401)}`]
    const ids = names.map(taskIdOf)
    for (const id of ids) assert.match(id, TASK_ID_PATTERN)
    assert.equal(new Set(ids).size, names.length)
  })
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { codeHash, codeLines } from './code-hash.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

test('the code that runs is named file by file as git names it: core and simulator, no faces, no tests', () => {
  const lines = codeLines()
  const paths = lines.map(line => line.split(' ')[1] ?? '')
  for (const path of [
    'src/node/node.ts',
    'src/grants/leases.ts',
    'test/simulation/executor.ts',
    'hashring',
  ]) {
    assert.ok(paths.includes(path), path)
  }
  assert.ok(paths.includes('test/simulation/shape.ts'))
  // The calendar of schedules is an adapter, but as pure as the core.
  assert.deepEqual(
    paths.filter(path =>
      /^src\/(cli|daemon|adapters|config)|\.test\.ts$|\.md$|simulation\/run\.ts/.test(path),
    ),
    ['src/adapters/system/cron.ts'],
  )
  const { stdout } = spawnSync('git', ['hash-object', 'src/node/node.ts'], { cwd: root, encoding: 'utf8' })
  assert.ok(lines.includes(`${stdout.trim()} src/node/node.ts`))
  assert.match(codeHash(), /^[0-9a-f]{12}$/)
})

test('every import of the code that runs is seen', () => {
  const paths = new Set(codeLines().map(line => line.split(' ')[1] ?? ''))
  const loaded = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { registerHooks } from 'node:module'
       const seen = new Set()
       registerHooks({ load(url, context, next) { seen.add(url); return next(url, context) } })
       await import(${JSON.stringify(new URL('seed-run.ts', import.meta.url).href)})
       console.log(JSON.stringify([...seen]))`,
    ],
    { encoding: 'utf8' },
  )
  const urls = JSON.parse(loaded.stdout) as string[]
  const own = urls
    .filter(url => url.startsWith('file:') && !url.includes('/node_modules/'))
    .map(url => fileURLToPath(url).slice(root.length))
  assert.ok(own.length > 100)
  assert.deepEqual(
    own.filter(path => !paths.has(path)),
    [],
  )
})

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { redacted } from '../../src/config/show.ts'
import { directory, file, parse, refusal } from './subject.ts'

test('secrets come from files, and the later source wins over both forms', () => {
  const key = 'AB'.repeat(32)
  const keyFile = file('key', `${key}\n`)
  file('token', 'token-from-file-1\n')
  const config = parse({
    file: file('s.yaml', 'transport: { clusterKeyFile: key }\nhttp: { writeTokenFile: ./token }'),
  })
  assert.equal(config.transport.clusterKey, key.toLowerCase())
  assert.equal(config.http.writeToken, 'token-from-file-1')
  const env = { ROUNDTABLE_TRANSPORT_CLUSTER_KEY: '11'.repeat(32) }
  assert.equal(
    parse({ text: `transport: { clusterKeyFile: ${keyFile} }`, env }).transport.clusterKey,
    '11'.repeat(32),
  )
  const text = `transport: { clusterKey: ${'2'.repeat(64)} }`.replace(/: (\d+)/, ': "$1"')
  const later = parse({ text, env: { ROUNDTABLE_TRANSPORT_CLUSTER_KEY_FILE: keyFile } })
  assert.equal(later.transport.clusterKey, key.toLowerCase())
  refusal({ text: `transport: { clusterKey: "${'2'.repeat(64)}", clusterKeyFile: ${keyFile} }` })
})

test('a token for reading alone is refused, since anybody could write', () => {
  const { problems } = refusal({ text: 'http: { readToken: reader-reader-reader }' })
  assert.deepEqual(
    problems.map(({ at, got }) => [at, got]),
    [['http.writeToken', 'nothing (http.readToken is (hidden))']],
  )
  const both = 'readToken: reader-reader-reader, writeToken: writer-writer-writer'
  assert.equal(parse({ text: `http: { ${both} }` }).http.readToken, 'reader-reader-reader')
  const elsewhere = refusal({ text: 'http: { readToken: reader-reader-reader, host: 0.0.0.0 }' })
  assert.deepEqual(
    elsewhere.problems.map(({ at }) => at),
    ['http.writeToken'],
  )
})

test('no error, flag or view of the configuration shows a secret', () => {
  const secret = 'hunter2-hunter2-hunter2'
  const path = file('secret', `${secret} `.repeat(2))
  const texts = [
    `transport: { clusterKey: ${secret} }`,
    `transport: { clusterKeyFile: ${path} }`,
    `http: { writeToken: [${secret}] }`,
    `http: { writeToken: "${secret}!" }`,
    `http: { writeTokn: ${secret} }`,
    `http: { readToken: ${secret}, writeToken: ${secret} }`,
    `executors: { exec: { commands: { a: { path: b, env: { P: [${secret}] } } } } }`,
    `executors: { http: { allow: ["http://user:${secret}@host/"] } }`,
    `http: { writeToken: "${secret}`,
    `http: { writeToken: *${secret} }`,
    `http:\n  writeToken: ${secret}\n bad: x`,
  ]
  for (const text of texts) {
    const error = refusal({ text })
    assert.ok(
      !JSON.stringify([error.message, error.problems]).includes('hunter2'),
      `${text}: ${error.message}`,
    )
  }
  const flags = refusal({ flags: { 'http-write-token': secret } })
  assert.ok(!JSON.stringify([flags.message, flags.problems]).includes('hunter2'))
  const command = `executors:\n  exec: { commands: { a: { path: b, env: { P: ${secret} } } } }`
  const module = `  modules: { m: { path: /b, env: { P: ${secret} } } }`
  const config = parse({
    text: `${command}\n${module}\nhttp: { readToken: ${secret}, writeToken: ${secret}-too }\n`,
  })
  assert.equal(config.executors.exec.commands['a']?.env['P'], secret)
  assert.equal(config.executors.modules['m']?.env['P'], secret)
  assert.ok(!JSON.stringify(redacted(config)).includes('hunter2'))
})

test('a secret file that is missing, empty, a directory or huge is named with its reason', () => {
  mkdirSync(join(directory, 'dir'))
  file('empty', '')
  file('huge', 'x'.repeat(70_000))
  for (const [name, reason] of [
    ['none', /no such file/],
    ['empty', /empty file/],
    ['dir', /directory|regular/],
    ['huge', /70000 bytes/],
  ] as const) {
    const error = refusal({ text: `http: { readTokenFile: ${join(directory, name)} }` })
    assert.equal(error.problems[0]?.at, 'http.readTokenFile')
    assert.match(error.problems[0]?.got ?? '', reason)
  }
})

test('the files that hold the secrets in force are known, and no others', () => {
  const [key, token] = [file('held-key', 'ab'.repeat(32)), file('held-token', 'a-token-that-is-long-enough')]
  const files = `transport: { clusterKeyFile: ${key} }\nhttp: { writeTokenFile: ${token} }`
  assert.deepEqual(parse({ text: files }).secretFiles, [key, token])
  const env = { ROUNDTABLE_TRANSPORT_CLUSTER_KEY: 'cd'.repeat(32) }
  assert.deepEqual(parse({ text: files, env }).secretFiles, [token])
  const inside = file('held.yaml', 'http: { writeToken: a-token-that-is-long-enough }')
  assert.deepEqual(parse({ file: inside }).secretFiles, [inside])
  assert.deepEqual(parse({ file: file('none.yaml', 'cluster: c'), env }).secretFiles, [])
})

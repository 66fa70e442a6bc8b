import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { resolveCommands } from '../../../src/adapters/executors/command.ts'
import { checkExecPayload } from '../../../src/adapters/executors/exec-payload.ts'
import { createExecutors } from '../../../src/adapters/executors/executors.ts'
import { CodedError } from '../../../src/base/errors.ts'
import { commandOf, configOf, LogBook, scene } from './scene.ts'

test('a bare name is looked up in PATH and an absolute path is taken as it is', () => {
  const commands = resolveCommands(configOf({ commands: { a: commandOf('sh'), b: commandOf('/bin/sh') } }))
  assert.match(String(commands.get('a')?.program), /^\/.*\/sh$/)
  assert.equal(commands.get('b')?.program, '/bin/sh')
})

test('what is not there, not executable, a directory or a relative path is missing, with the reason', t => {
  const { directory } = scene(t)
  const file = join(directory, 'plain')
  writeFileSync(file, '')
  chmodSync(file, 0o644)
  mkdirSync(join(directory, 'sub'))
  const paths = ['/no/such/program', file, join(directory, 'sub'), 'no-such-program-xyz', 'bin/sh', '']
  const entries = paths.map((path, i) => [`c${i}`, commandOf(path)] as const)
  const commands = resolveCommands(configOf({ commands: Object.fromEntries(entries) }))
  for (const [name] of entries) {
    assert.equal(commands.get(name)?.program, undefined)
    assert.ok(commands.get(name)?.missing)
  }
})

test('a missing command is logged at start and refused by check', t => {
  const { executors, log } = scene(t, { commands: { gone: commandOf('/no/such/program') } })
  const line = log.lines.find(l => l.event === 'command-missing')
  assert.equal(line?.fields['command'], 'gone')
  const failure = executors.check('exec', { command: 'gone' })
  assert.equal(failure?.code, 'COMMAND_NOT_ALLOWED')
  const why =
    /\(\/no\/such\/program is not there or not an executable file, as looked up when this daemon started\)/
  assert.match(String(failure?.detail), why)
})

test('where no command is allowed, the refusal says that no exec task is', () => {
  const failure = checkExecPayload({ command: 'sum' }, new Map())
  assert.equal(
    failure?.detail,
    'payload.command: expected no exec task here, as no command of executors.exec.commands can be run, got "sum" (not in the configuration that this daemon started with; a change of it needs a restart).',
  )
})

test('limits that cannot be kept are refused at start', () => {
  const huge = { big: commandOf('sh', { env: { A: 'x'.repeat(70_000) } }) }
  for (const patch of [
    { outputBytesMax: 2 ** 21 },
    { outputBytesMax: 0 },
    { commands: huge },
    { allow: ['ftp://x/'] },
  ]) {
    assert.throws(
      () => createExecutors({ config: configOf(patch), logger: new LogBook() }),
      (error: unknown) =>
        error instanceof CodedError && error.code === 'CONFIG_INVALID' && error.problems.length === 1,
    )
  }
})

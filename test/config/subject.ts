/** What the tests of the parser share: a machine that is the same everywhere, files, and refusals. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { CodedError, type ErrorCode } from '../../src/base/errors.ts'
import type { Config } from '../../src/config/config.ts'
import { type ConfigSources, parseConfig } from '../../src/config/parse.ts'

export const machine = { hostname: 'host-1', cores: 3 }

export const directory = mkdtempSync(join(tmpdir(), 'roundtable-config-'))
after(() => rmSync(directory, { recursive: true }))

export const parse = (sources: ConfigSources): Config => parseConfig({ machine, ...sources })

/** Writes a file into `directory`. */
export function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** What the parser says to this. Fails when it says nothing. */
export function refusal(sources: ConfigSources, code: ErrorCode = 'CONFIG_INVALID'): CodedError {
  try {
    parse(sources)
  } catch (error) {
    assert.ok(error instanceof CodedError, String(error))
    assert.equal(error.code, code, error.message)
    return error
  }
  assert.fail('it was accepted')
}

export const places = (error: CodedError): string[] => error.problems.map(problem => problem.at)

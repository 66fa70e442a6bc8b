/**
 * The queues that ours is held against. They are no dependencies of this project: npm installs them, in these versions,
 * into a directory beside the temporary files when the bench first runs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const BULLMQ = ['bullmq@6.7.0', 'ioredis@5.11.1'] as const
export const GRAPHILE = ['graphile-worker@0.18.0', 'pg@8.23.1'] as const

/** Where they are, installed. @throws when npm cannot */
export function installed(packages: readonly string[]): string {
  const directory = join(tmpdir(), `roundtable-bench-${packages.join('-').replace(/[^a-z0-9.-]/g, '-')}`)
  const [first = ''] = packages
  const name = first.slice(0, first.lastIndexOf('@'))
  if (existsSync(join(directory, 'installed'))) return directory
  mkdirSync(directory, { recursive: true })
  const args = ['install', '--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts', ...packages]
  const { status, stderr, error } = spawnSync('npm', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`npm could not install ${name}: ${error?.message ?? stderr.slice(-500)}`)
  mkdirSync(join(directory, 'installed'))
  return directory
}

/** A package out of such a directory. */
export const load = <T>(directory: string, name: string): T =>
  createRequire(join(directory, 'bench.js'))(name) as T

interface Logging {
  readonly Logger: new (make: () => (level: string, message: string) => void) => object
}

/** graphile-worker says a line for each job otherwise, on standard output. Its errors are told. */
export function quietLogger(directory: string): object {
  const { Logger } = load<Logging>(directory, 'graphile-worker')
  return new Logger(() => (level, message) => {
    if (level === 'error') console.error(message)
  })
}

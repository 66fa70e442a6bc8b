/**
 * Where compiled code may be kept between starts: a directory that belongs to this user and that nobody else can write.
 *
 * What lies there is run as code by every later start, so the default of Node.js, a well-known name in the shared
 * temporary directory, is not good enough: another user could have made it first. No safe place means no cache.
 */
import { lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/** The directory to use, made if it was not there; `undefined` when there is no safe place or the user wants none. */
export function compileCacheDirectory(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['NODE_DISABLE_COMPILE_CACHE'] !== undefined || env['NODE_COMPILE_CACHE'] !== undefined)
    return undefined
  return candidates(env).find(isOwnDirectory)
}

function candidates(env: NodeJS.ProcessEnv): readonly string[] {
  const cacheHome = env['XDG_CACHE_HOME'] || (homeOrNothing() && join(homeOrNothing(), '.cache'))
  const shared = join(tmpdir(), `roundtable-${process.getuid?.() ?? 'user'}`)
  return [...(cacheHome ? [join(cacheHome, 'roundtable', 'compiled')] : []), shared]
}

/** `homedir` throws for a user id without an account, as containers have them. */
function homeOrNothing(): string {
  try {
    return homedir()
  } catch {
    return ''
  }
}

function isOwnDirectory(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const found = lstatSync(path)
    const mine = process.getuid === undefined || found.uid === process.getuid()
    return found.isDirectory() && mine && (found.mode & 0o022) === 0
  } catch {
    // Read-only or forbidden: a start without a cache is slower and nothing else.
    return false
  }
}

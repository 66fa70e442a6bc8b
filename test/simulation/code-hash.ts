/**
 * Names the code that a run executes: whatever a seed's shape and run import, directly or not, file by file as git names
 * it, and the versions of the packages. A commit that changes documents, the CLI or a test leaves the name as it is, so finished
 * shards stay good; an edit that is not committed yet changes it.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url)
const ENTRIES = ['shape.ts', 'seed-run.ts'].map(name => new URL(name, import.meta.url))
/** Types are no code: what is imported for them alone does not run. */
const IMPORT = /^(?:import|export)(?! type )[^'"]*? from '([^']+)'|^import '([^']+)'/gm

const sha1 = (...parts: (string | Buffer)[]): string =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha1')).digest('hex')

/** As `git hash-object` says it. */
const blobOf = (content: Buffer): string => sha1(`blob ${content.length}\0`, content)

/** Everything that runs, as `NAME PATH` lines, sorted. */
export function codeLines(entries = ENTRIES): string[] {
  const lines = new Map<string, string>()
  const visit = (url: URL): void => {
    if (lines.has(url.href)) return
    const content = readFileSync(url)
    lines.set(url.href, `${blobOf(content)} ${relative(fileURLToPath(ROOT), fileURLToPath(url))}`)
    for (const [, from, bare] of content.toString().matchAll(IMPORT)) {
      const name = from ?? bare ?? ''
      if (name.startsWith('.')) visit(new URL(name, url))
      else if (!name.startsWith('node:')) lines.set(name, `${versionOf(name)} ${name}`)
    }
  }
  for (const entry of entries) visit(entry)
  return [...lines.values()].sort()
}

const versionOf = (name: string): string =>
  (createRequire(ROOT)(`${name}/package.json`) as { version: string }).version

/** Twelve digits that stand for all of it. */
export const codeHash = (): string => sha1(codeLines().join('\n')).slice(0, 12)

/** The files of it. */
export const codePaths = (): string[] =>
  codeLines()
    .map(line => line.slice(line.indexOf(' ') + 1))
    .filter(path => path.endsWith('.ts'))

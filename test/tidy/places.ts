/** What lies at the top of the repository, and what no file may give away. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type Fault, root } from './sources.ts'

/** Dotfiles may lie there too. */
const TOP = [
  'Dockerfile',
  'LICENSE',
  'README.md',
  'bin',
  'configs',
  'package-lock.json',
  'package.json',
  'src',
  'test',
  'tsconfig.json',
]

/** Paths of somebody's machine, and hosts that packages were fetched from. Spelled so that this file does not find itself. */
const PRIVATE: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/(?<![\w.$}-])\/(?:work|root|home\/(?!node\b)\w+|Users\/\w+)(?:\/|\b)/, 'a path of one machine'],
  [/\bregistry[.-][\w.-]*\.(?:org|com|io|dev|net|internal)\b|\bnpmjs[.]org\b/, 'a package registry'],
  [/"resolved": ?"/, 'where a package was fetched from'],
  [/_auth(?:Token)?=|-----BEGIN [A-Z ]*PRIVATE KEY/, 'a secret'],
]

/** What the repository holds: files of the index, and new ones that nothing ignores. */
export function repositoryFiles(): readonly string[] {
  const command = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const listed = execFileSync('git', command, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return listed.split('\0').filter(path => path !== '')
}

/** Text files only: a NUL byte makes a file binary, as it does for git. Files deleted but not yet committed are left out. */
export function readTexts(paths: readonly string[]): Readonly<Record<string, string>> {
  const texts = paths.flatMap(path => {
    const text = readIfThere(path)
    return text === undefined || text.includes('\0') ? [] : [[path, text]]
  })
  return Object.fromEntries(texts)
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(root + path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** @param paths of all files, from the root */
export function topFaults(paths: readonly string[]): readonly Fault[] {
  const top = new Set(paths.map(path => path.split('/')[0] ?? ''))
  const strange = [...top].filter(name => !name.startsWith('.') && !TOP.includes(name))
  const missing = TOP.filter(name => !top.has(name))
  return [
    ...strange.map(name => `${name} does not belong at the top`),
    ...missing.map(name => `${name} is missing at the top`),
  ]
}

/** @param files path -> text */
export function privateFaults(files: Readonly<Record<string, string>>): readonly Fault[] {
  return Object.entries(files).flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        PRIVATE.filter(([pattern]) => pattern.test(line)).map(
          ([, what]) => `${path}:${i + 1} tells of ${what}`,
        ),
      ),
  )
}

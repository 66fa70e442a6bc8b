/**
 * TypeScript files as the compiler sees them. TypeScript 7 offers its parser under an `unstable` name; the version is
 * pinned in package.json, and a change of that API breaks these tests and nothing else.
 */
import { globSync, readFileSync } from 'node:fs'
import type { Node, SourceFile } from 'typescript/unstable/ast'
import { createVirtualFileSystem } from 'typescript/unstable/fs'
import { API } from 'typescript/unstable/sync'

export interface Source {
  /** From the root of the repository, `src/base/time.ts`. */
  readonly path: string
  readonly text: string
  readonly tree: SourceFile
}

/** What is wrong, where: `src/base/time.ts:12 says why`. */
export type Fault = string

export const root = new URL('../../', import.meta.url).pathname

const PROJECT = {
  compilerOptions: {
    noResolve: true,
    noLib: true,
    types: [],
    noEmit: true,
    allowImportingTsExtensions: true,
  },
  include: ['**/*'],
}

/** @param files path -> text */
export function parse(files: Readonly<Record<string, string>>): readonly Source[] {
  const rooted = Object.entries(files).map(([path, text]) => [`/${path}`, text] as const)
  const disk = { ...Object.fromEntries(rooted), '/tsconfig.json': JSON.stringify(PROJECT) }
  const api = new API({ cwd: '/', fs: createVirtualFileSystem(disk) })
  try {
    const project = api.updateSnapshot({ openProjects: ['/tsconfig.json'] }).getProject('/tsconfig.json')
    return Object.entries(files).map(([path, text]) => {
      const tree = project?.program.getSourceFile(`/${path}`)
      if (!tree) throw new Error(`the compiler did not parse ${path}`)
      return { path, text, tree }
    })
  } finally {
    api.close()
  }
}

/** All TypeScript of the repository below the given folders, on disk now. */
export function readSources(...folders: readonly string[]): readonly Source[] {
  const paths = folders.flatMap(folder => globSync(`${folder}/**/*.ts`, { cwd: root })).sort()
  if (paths.length === 0) throw new Error(`no TypeScript below ${folders.join(', ')}`)
  return parse(Object.fromEntries(paths.map(path => [path, readFileSync(root + path, 'utf8')])))
}

export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  node.forEachChild(child => walk(child, visit))
}

/** 1 for the first line. */
export const lineOf = (source: Source, position: number): number =>
  source.text.slice(0, position).split('\n').length

/** Where a node begins, comments and white space before it left out. */
export const at = (source: Source, node: Node): string =>
  `${source.path}:${lineOf(source, node.getStart(source.tree))}`

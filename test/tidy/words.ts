/** Words that we do not use for things, and marks that say that something was left undone or switched off. */
import { isIdentifier, isPrivateIdentifier, type Node, SyntaxKind } from 'typescript/unstable/ast'
import { at, type Fault, type Source, walk } from './sources.ts'

/** Names that say nothing about what a thing is for, or say it badly. */
const BANNED = /^(?:managers?|helpers?|util|utils|utility|utilities|masters?|slaves?)$/
/** As the name of a file these say nothing either; as a word inside one (`data-directory.ts`) they may. */
const BANNED_FILES = /^(?:data|info|misc|common|types?|index)$/
/** Names that others gave to what is theirs, and that one must spell to use it. */
const THEIRS = new Set(['transportManager', 'connectionManager'])
/** The only files that may be called index. */
const INDEX = 'src/index.ts'

/** Spelled in pieces, so that this file does not find itself. */
const MARKS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [
    new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`),
    'a note of unfinished work',
  ],
  [
    new RegExp(
      ['biome-' + 'ignore', '@ts-' + 'ignore', '@ts-' + 'nocheck', '@ts-' + 'expect-error'].join('|'),
    ),
    'a check switched off',
  ],
  [/\b(?:test|it|suite|describe|t)\.only\(|\bonly: true/, 'a test that silences the others'],
  [
    /\b(?:test|it|suite|describe)\.(?:skip|todo)\(|\b(?:skip|todo): true|\bt\.(?:skip|todo)\(\s*\)/,
    'a test skipped for no reason given',
  ],
]

const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .map(word => word.toLowerCase())

/** @param path of any file of the repository */
export function fileNameFaults(path: string): readonly Fault[] {
  const parts = path.split('/').map(part => part.replace(/(?<=.)\..*$/, ''))
  const banned = parts.flatMap(wordsOf).filter(word => BANNED.test(word))
  const empty = path === INDEX ? [] : parts.filter(part => BANNED_FILES.test(part))
  const style =
    /^(?:src|test)\/.*\.ts$/.test(path) && !/^[a-z0-9./-]+$/.test(path)
      ? ['a name that is not kebab-case']
      : []
  return [...banned, ...empty, ...style].map(word => `${path} is named with ${word}`)
}

/** Things declared here under a banned word. Names of others' things are theirs. */
export function nameFaults(sources: readonly Source[]): readonly Fault[] {
  return sources.flatMap(source => {
    const faults: Fault[] = []
    walk(source.tree, node => {
      const name = declaredName(node)
      const word =
        name === undefined || THEIRS.has(name) ? undefined : wordsOf(name).find(part => BANNED.test(part))
      if (word !== undefined) faults.push(`${at(source, node)} declares ${name}: ${word} says nothing`)
    })
    return faults
  })
}

const DECLARES: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.TypeParameter,
  SyntaxKind.Parameter,
  SyntaxKind.PropertySignature,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodSignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.GetAccessor,
  SyntaxKind.BindingElement,
  SyntaxKind.VariableDeclaration,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.ClassDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
])

function declaredName(node: Node & { readonly name?: Node }): string | undefined {
  const { name } = node
  if (!DECLARES.has(node.kind) || !name) return undefined
  return isIdentifier(name) || isPrivateIdentifier(name) ? name.text : undefined
}

/** @param files path -> text, of any kind */
export function markFaults(files: Readonly<Record<string, string>>): readonly Fault[] {
  return Object.entries(files).flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        MARKS.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${path}:${i + 1} holds ${what}`),
      ),
  )
}

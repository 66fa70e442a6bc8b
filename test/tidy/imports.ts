/** Every way in which one file names another. */
import {
  type ImportDeclaration,
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isImportTypeNode,
  isLiteralTypeNode,
  isNamedImports,
  isNewExpression,
  isStringLiteral,
  isTemplateExpression,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { at, type Source, walk } from './sources.ts'

export interface Import {
  readonly where: string
  /** As written. */
  readonly specifier: string
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean
  /** `file` is `new URL('./worker.ts', import.meta.url)`: how a worker or child process is named. */
  readonly kind: 'import' | 'file'
}

export function importsOf(source: Source): readonly Import[] {
  const found: Import[] = []
  walk(source.tree, node => {
    const named = nameIn(node)
    if (named) found.push({ where: at(source, node), ...named })
  })
  return found
}

/** The path a relative specifier leads to, from the root of the repository. */
export const targetOf = (source: Source, specifier: string): string =>
  new URL(specifier, `file:///${source.path}`).pathname.slice(1)

function nameIn(node: Node): Omit<Import, 'where'> | undefined {
  if (isImportDeclaration(node)) return text(node.moduleSpecifier, isTypeImport(node))
  if (isExportDeclaration(node) && node.moduleSpecifier) return text(node.moduleSpecifier, node.isTypeOnly)
  if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
    return text(node.arguments[0], false)
  }
  if (isImportTypeNode(node) && isLiteralTypeNode(node.argument)) return text(node.argument.literal, true)
  if (isNewExpression(node) && node.getText().startsWith('new URL(')) return fileUrl(node.arguments?.[0])
  return undefined
}

function text(node: Node | undefined, typeOnly: boolean): Omit<Import, 'where'> | undefined {
  if (!node || !isStringLiteral(node)) return undefined
  return { specifier: node.text, typeOnly, kind: 'import' }
}

/** The extension may be computed, since a build has other ones: `./worker${extension}` names worker.ts. */
function fileUrl(node: Node | undefined): Omit<Import, 'where'> | undefined {
  if (!node) return undefined
  const name = isTemplateExpression(node) ? `${node.head.text}.ts` : isStringLiteral(node) ? node.text : ''
  if (!/^\.{1,2}\/[\w./-]*\.[jt]s$/.test(name)) return undefined
  return { specifier: name.replace(/\.js$/, '.ts'), typeOnly: false, kind: 'file' }
}

function isTypeImport(node: ImportDeclaration): boolean {
  const clause = node.importClause
  if (!clause) return false
  if (clause.phaseModifier === SyntaxKind.TypeKeyword) return true
  const bindings = clause.namedBindings
  if (clause.name || !bindings || !isNamedImports(bindings)) return false
  return bindings.elements.every(({ isTypeOnly }) => isTypeOnly)
}

/** How long a file and a function may be. */
import {
  isArrayLiteralExpression,
  isArrowFunction,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isMethodDeclaration,
  isReturnStatement,
  isSetAccessorDeclaration,
  type Node,
} from 'typescript/unstable/ast'
import { at, type Fault, lineOf, type Source, walk } from './sources.ts'

export const FILE_LINES_MAX = 400
export const FUNCTION_LINES_MAX = 60

const KINDS: readonly ((node: Node) => boolean)[] = [
  isFunctionDeclaration,
  isFunctionExpression,
  isArrowFunction,
  isMethodDeclaration,
  isConstructorDeclaration,
  isGetAccessorDeclaration,
  isSetAccessorDeclaration,
]

export function sizeFaults(sources: readonly Source[]): readonly Fault[] {
  return sources.flatMap(source => {
    const lines = source.text.trimEnd().split('\n').length
    const file =
      lines > FILE_LINES_MAX ? [`${source.path} has ${lines} lines, at most ${FILE_LINES_MAX}`] : []
    return [...file, ...longFunctions(source)]
  })
}

function longFunctions(source: Source): readonly Fault[] {
  const faults: Fault[] = []
  walk(source.tree, node => {
    if (!isFunction(node)) return
    const lines = linesOf(source, node) - linesApart(source, node)
    if (lines > FUNCTION_LINES_MAX) {
      faults.push(`${at(source, node)} is a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`)
    }
  })
  return faults
}

const isFunction = (node: Node): boolean => KINDS.some(is => is(node))

const linesOf = (source: Source, node: Node): number =>
  lineOf(source, node.end) - lineOf(source, node.getStart(source.tree)) + 1

/**
 * Lines inside a function that are not its own to answer for: a table that it returns, which is read like a document;
 * and in tests the functions in it, since a suite shared by two adapters is a function that holds tests.
 */
function linesApart(source: Source, node: Node): number {
  let lines = 0
  node.forEachChild(child => {
    const table = isArrayLiteralExpression(child) && (isReturnStatement(node) || isArrowFunction(node))
    const inner = isFunction(child) && source.path.startsWith('test/')
    if (table || inner) lines += linesOf(source, child) - 1
    else if (!isFunction(child)) lines += linesApart(source, child)
  })
  return lines
}

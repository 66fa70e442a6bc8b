/** How long a file and a function may be. */
import {
  isArrowFunction,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isMethodDeclaration,
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
    if (!KINDS.some(is => is(node))) return
    const lines = lineOf(source, node.end) - lineOf(source, node.getStart(source.tree)) + 1
    if (lines > FUNCTION_LINES_MAX) {
      faults.push(`${at(source, node)} is a function of ${lines} lines, at most ${FUNCTION_LINES_MAX}`)
    }
  })
  return faults
}

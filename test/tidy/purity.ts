/**
 * The core is a function of (input, now): it reads no clock, owns no timer, draws no random number of its own, knows no
 * process and awaits nothing. Biome says so while one writes; this says so of every file, whatever a comment switches off.
 */
import {
  isAwaitExpression,
  isIdentifier,
  isMethodSignatureDeclaration,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isPropertySignatureDeclaration,
  type Node,
  SyntaxKind,
} from 'typescript/unstable/ast'
import { at, type Fault, type Source, walk } from './sources.ts'

const IMPURE = new Set([
  'Date',
  'Temporal',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'queueMicrotask',
  'process',
  'globalThis',
  'console',
  'fetch',
  'crypto',
  'Worker',
  'Promise',
  'AbortSignal',
])

export function purityFaults(sources: readonly Source[]): readonly Fault[] {
  return sources.flatMap(source => {
    const faults: Fault[] = []
    walk(source.tree, node => {
      const word = impureWord(node)
      if (word) faults.push(`${at(source, node)} uses ${word} in a pure room`)
    })
    return faults
  })
}

function impureWord(node: Node): string | undefined {
  if (isAwaitExpression(node)) return 'await'
  if (node.kind === SyntaxKind.AsyncKeyword) return 'async'
  if (isPropertyAccessExpression(node) && node.getText() === 'Math.random') return 'Math.random'
  if (isIdentifier(node) && IMPURE.has(node.text) && !isOwnName(node)) return node.text
  return undefined
}

/** `order.process`, `{ process: 1 }`, `process: string`: a name of ours that happens to be the same. */
function isOwnName(node: Node): boolean {
  const parent = node.parent
  if (isPropertyAccessExpression(parent)) return parent.name === node
  const named = [isPropertyAssignment, isPropertySignatureDeclaration, isMethodSignatureDeclaration]
  return named.some(is => is(parent) && parent.name === node)
}

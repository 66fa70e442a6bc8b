/** Reads a configuration file into plain values, without believing a word of it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import {
  type Document,
  isAlias,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml'
import { CodedError, type ErrorCode } from '../base/errors.ts'
import { exactInsteadOf, inexactOf } from '../base/exact-numbers.ts'

/** A thousand commands and seeds fit in a tenth of it; a log file named by mistake does not. */
export const CONFIG_FILE_BYTES_MAX = 1024 * 1024

/** Keys and tokens are short; a certificate named by mistake is refused by its form, a disk image by this. */
export const SECRET_FILE_BYTES_MAX = 64 * 1024

/** Values that aliases may expand to, in total: more is a bomb, not a configuration. */
const ALIASES_MAX = 100

/** Mappings inside mappings; the deepest option lies at 5. */
const DEPTH_MAX = 32

/** Mappings and lists inside each other, once what aliases stand for is in their place. */
const LEVELS_MAX = 2 * DEPTH_MAX

/** The text of a small regular file. Throws an error whose message is fit for a person. */
export function readSmallFile(path: string, bytesMax: number): string {
  const handle = openSync(path, 'r')
  try {
    const stat = fstatSync(handle)
    if (!stat.isFile()) throw new Error('it is not a regular file')
    if (stat.size > bytesMax) throw new Error(`it has ${stat.size} bytes, at most ${bytesMax} are read`)
    const buffer = Buffer.alloc(bytesMax + 1)
    let length = 0
    for (let n = -1; n !== 0 && length <= bytesMax; length += n) {
      n = readSync(handle, buffer, length, buffer.length - length, null)
    }
    if (length > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`)
    return decodeUtf8(buffer.subarray(0, length))
  } finally {
    closeSync(handle)
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Error('it is not UTF-8 text', { cause })
  }
}

/** Throws CONFIG_UNREADABLE. */
export function readConfigFile(path: string): string {
  try {
    return readSmallFile(path, CONFIG_FILE_BYTES_MAX)
  } catch (cause) {
    throw new CodedError('CONFIG_UNREADABLE', `${path}: ${reasonOf(cause)}.`, { cause })
  }
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its symbolic links go round in circles',
}

/** Why a file could not be read, in words. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'it cannot be read'
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
  if (code === undefined) return cause.message
  return SYSTEM_REASONS[code] ?? `it cannot be read (${code})`
}

function invalid(name: string, at: string, expected: string, got: string): CodedError {
  const code: ErrorCode = 'CONFIG_INVALID'
  return new CodedError(code, `${name}: ${at}: expected ${expected}, got ${got}.`, {
    problems: [{ at, expected, got }],
  })
}

/** The mapping in a YAML or JSON text (JSON is YAML). Throws CONFIG_INVALID with line and column. */
export function parseConfigText(text: string, name: string): Readonly<Record<string, unknown>> {
  if (text.trim() === '') throw invalid(name, 'line 1', 'a mapping of options', 'an empty file')
  const tree = treeOf(text, name)
  if (tree === null || tree === undefined) return {}
  if (typeof tree !== 'object') throw invalid(name, 'line 1', 'a mapping of options', `a ${typeof tree}`)
  if (Array.isArray(tree)) throw invalid(name, 'line 1', 'a mapping of options', 'a list')
  return tree as Record<string, unknown>
}

function treeOf(text: string, name: string): unknown {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true })
    const faults: readonly YAMLError[] = [...document.errors, ...document.warnings]
    if (faults.length > 0) throw yamlProblems(name, faults, lines)
    checkNodes(document, name, lines)
    const tree: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    const strange = strangeIn(tree, LEVELS_MAX)
    if (strange !== undefined) throw invalid(name, 'the document', 'what JSON can hold, too', strange)
    return tree
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    const expected = 'YAML or JSON of a reasonable depth, without aliases that multiply'
    throw invalid(name, 'the document', expected, aliasTrouble(cause))
  }
}

/** The parser's message is not told: it may name an anchor that holds a secret. */
function aliasTrouble(cause: unknown): string {
  if (!(cause instanceof ReferenceError)) return cause instanceof Error ? cause.name : 'something else'
  return cause.message.startsWith('Excessive alias count')
    ? `aliases of more than ${ALIASES_MAX} values`
    : 'an alias without its anchor'
}

function checkNodes(document: Document, name: string, lines: LineCounter): void {
  let aliases = 0
  visit(document, (_, node, path) => {
    if (isAlias(node)) aliases++
    if (path.length > DEPTH_MAX * 2)
      throw invalid(name, 'the document', `at most ${DEPTH_MAX} levels`, 'more')
    if (!isScalar(node) || typeof node.value !== 'number' || !path.some(isOfSchedules)) return
    const inexact = inexactOf(node.source ?? '')
    if (inexact === undefined) return
    const at = `line ${lines.linePos(node.range?.[0] ?? 0).line}`
    throw invalid(name, at, exactInsteadOf(inexact), 'another one')
  })
  if (aliases > ALIASES_MAX)
    throw invalid(name, 'the document', `at most ${ALIASES_MAX} aliases`, `${aliases}`)
}

/** The only option that may hold any number, in payloads; each of the others says how large it may be. */
const isOfSchedules = (step: unknown): boolean =>
  isPair(step) && isScalar(step.key) && step.key.value === 'schedules'

/**
 * YAML can say more than a configuration may hold: bytes, dates and sets, and, by an alias inside of what it stands for, a
 * value that has no end. None of these can be compared with another configuration, and to freeze it would end the daemon that reads it again.
 */
function strangeIn(value: unknown, levels: number): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (levels === 0) return `more than ${LEVELS_MAX} levels, or a value inside of itself`
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype)
    return `a ${value.constructor.name}`
  for (const part of Object.values(value)) {
    const found = strangeIn(part, levels - 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** Positions and the parser's sentence, never the source line, which may hold a secret. */
function yamlProblems(name: string, faults: readonly YAMLError[], lines: LineCounter): CodedError {
  const problems = faults.slice(0, 20).map(fault => {
    const { line, col } = lines.linePos(fault.pos[0])
    return { at: `line ${line}, column ${col}`, expected: 'valid YAML', got: sentenceOf(fault) }
  })
  const first = problems[0]
  return new CodedError('CONFIG_INVALID', `${name}: ${first?.at}: ${first?.got}.`, { problems })
}

/** Parser messages quote what they met in some cases; only their fixed part is kept. */
function sentenceOf(fault: YAMLError): string {
  const sentence =
    fault.message
      .split('\n')[0]
      ?.split(/[:"'`]/)[0]
      ?.trim() ?? ''
  return `${sentence} (${fault.code})`
}

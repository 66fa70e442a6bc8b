/** The allow list of `exec`, with every program looked up once at start. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { CodedError, type Problem } from '../../base/errors.ts'
import {
  COMMAND_ENV_BYTES_MAX,
  type ExecCommand,
  type ExecutorsConfig,
  OUTPUT_BYTES_CEILING,
} from './config.ts'

/** A command of the allow list: with the absolute path of its program, or with what is wrong with it. */
export interface ResolvedCommand extends ExecCommand {
  readonly program: string | undefined
  /** Why it cannot run on this node; undefined when it can. */
  readonly missing: string | undefined
}

/**
 * Looks every command up. One that is not there is no error: nodes may differ in what is installed.
 * @throws CodedError CONFIG_INVALID when a limit of the configuration is above what is possible
 */
export function resolveCommands({ exec }: ExecutorsConfig): ReadonlyMap<string, ResolvedCommand> {
  const problems = [...outputProblems(exec.outputBytesMax), ...environmentProblems(exec.commands)]
  if (problems.length > 0) {
    const detail = problems.map(p => `${p.at}: expected ${p.expected}, got ${p.got}.`).join(' ')
    throw new CodedError('CONFIG_INVALID', detail, { problems })
  }
  return new Map(Object.entries(exec.commands).map(([name, command]) => [name, resolve(command)]))
}

function outputProblems(bytes: number): readonly Problem[] {
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes <= OUTPUT_BYTES_CEILING) return []
  return [
    { at: 'executors.exec.outputBytesMax', expected: `1 to ${OUTPUT_BYTES_CEILING}`, got: String(bytes) },
  ]
}

function environmentProblems(commands: Readonly<Record<string, ExecCommand>>): readonly Problem[] {
  return Object.entries(commands).flatMap(([name, command]) => {
    const bytes = Buffer.byteLength(JSON.stringify(command.env))
    if (bytes <= COMMAND_ENV_BYTES_MAX) return []
    const at = `executors.exec.commands.${name}.env`
    return [{ at, expected: `at most ${COMMAND_ENV_BYTES_MAX} bytes`, got: `${bytes} bytes` }]
  })
}

function resolve(command: ExecCommand): ResolvedCommand {
  const candidates = isAbsolute(command.path) ? [command.path] : searchPath(command.path)
  const program = candidates.find(isProgram)
  return { ...command, program, missing: program === undefined ? whyMissing(command.path) : undefined }
}

/** A relative path with a slash would depend on where the daemon was started: it is found nowhere. */
function searchPath(name: string): readonly string[] {
  if (name === '' || name.includes('/')) return []
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute)
  return directories.map(directory => join(directory, name))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function whyMissing(path: string): string {
  if (isAbsolute(path)) return `${path} is not there or not an executable file`
  if (path.includes('/')) return `${path} is neither an absolute path nor a bare name`
  return `${path} is not in the PATH of this node`
}

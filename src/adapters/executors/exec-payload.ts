/**
 * The payload of an `exec` task:
 *
 *     { command: 'sha256sum', args: ['README.md'], stdin: 'text, or any JSON value, which is passed as JSON text' }
 *
 * `command` names an entry of `executors.exec.commands`. `args` are put behind those of the entry and only where it
 * says `taskArgs: true`; nothing interprets them, but a command may take one that starts with `-` as an option: end the
 * entry's own `args` with `--` where that matters. Without `stdin` standard input is empty.
 *
 * The result of a success: `{ exitCode: 0, stdout, stderr (its end), bytes (of stdout), durationMs }`.
 */
import type { Failure } from '../../base/errors.ts'
import type { Json } from '../../tasks/task.ts'
import type { ResolvedCommand } from './command.ts'
import { invalid, strangeFields } from './payload.ts'

export interface ExecPayload {
  readonly command: string
  readonly args?: readonly string[]
  readonly stdin?: Json
}

/** Arguments that a task may add, and their bytes in all: far below what any system takes. */
const ARGS_MAX = 256
const ARGS_BYTES_MAX = 64 * 1024

/** Bytes of standard input: it travels in one frame. */
const STDIN_BYTES_MAX = 1024 * 1024

const FIELDS = ['command', 'args', 'stdin'] as const

export function checkExecPayload(
  payload: unknown,
  commands: ReadonlyMap<string, ResolvedCommand>,
): Failure | undefined {
  const strange = strangeFields(payload, FIELDS)
  if (strange !== undefined) return strange
  const { command, args, stdin } = payload as Record<string, unknown>
  if (typeof command !== 'string')
    return invalid('payload.command', 'the name of an allowed command', command)
  return checkCommand(command, commands) ?? checkArgs(args, commands.get(command)) ?? checkStdin(stdin)
}

/** Text goes as it is; anything else as JSON. */
export function stdinOf({ stdin }: ExecPayload): string | null {
  if (stdin === undefined) return null
  return typeof stdin === 'string' ? stdin : JSON.stringify(stdin)
}

function checkCommand(name: string, commands: ReadonlyMap<string, ResolvedCommand>): Failure | undefined {
  const command = commands.get(name)
  if (command?.missing === undefined && command !== undefined) return undefined
  const names = [...commands].filter(([, { missing }]) => missing === undefined).map(([known]) => known)
  const expected =
    names.length === 0
      ? 'no exec task here, as no command of executors.exec.commands can be run'
      : `a command of executors.exec.commands that this node can run (${names.join(', ')})`
  // Both are of the start: whoever has mended the file or the disk since is told what else it takes.
  const why =
    command === undefined
      ? ' (not in the configuration that this daemon started with; a change of it needs a restart)'
      : ` (${command.missing}, as looked up when this daemon started)`
  return { ...invalid('payload.command', expected, name, why), code: 'COMMAND_NOT_ALLOWED' }
}

function checkArgs(args: unknown, command: ResolvedCommand | undefined): Failure | undefined {
  if (args === undefined) return undefined
  if (!Array.isArray(args)) return invalid('payload.args', 'a list of texts', args)
  const wrong = args.findIndex(arg => typeof arg !== 'string' || arg.includes('\0'))
  if (wrong !== -1) return invalid(`payload.args.${wrong}`, 'a text without NUL', args[wrong])
  if (args.length > 0 && !command?.taskArgs) {
    return invalid('payload.args', 'none, as this command takes no arguments of a task (taskArgs)', args)
  }
  if (args.length > ARGS_MAX) return invalid('payload.args', `at most ${ARGS_MAX} arguments`, args.length)
  const bytes = args.reduce((sum: number, arg: string) => sum + Buffer.byteLength(arg), 0)
  return bytes <= ARGS_BYTES_MAX
    ? undefined
    : invalid('payload.args', `at most ${ARGS_BYTES_MAX} bytes`, bytes)
}

function checkStdin(stdin: unknown): Failure | undefined {
  const text = stdinOf({ stdin: stdin as Json } as ExecPayload)
  const bytes = text === null ? 0 : Buffer.byteLength(text)
  return bytes <= STDIN_BYTES_MAX
    ? undefined
    : invalid('payload.stdin', `at most ${STDIN_BYTES_MAX} bytes`, bytes)
}

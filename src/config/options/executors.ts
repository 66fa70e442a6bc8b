import { z } from 'zod'
import {
  type ExecCommand,
  executorsDefaults,
  type ModuleConfig,
  moduleDefaults,
  OWN_TYPES,
} from '../../adapters/executors/config.ts'
import type { Option, OptionType } from '../option.ts'
import { boolean, distinctListOf, duration, listOf, size, structure, text, whole } from '../option-type.ts'
import { strict } from '../shapes.ts'

const COMMANDS_MAX = 256
const ARGS_MAX = 256
const ARG_LENGTH_MAX = 32_768

const argument = text(
  `text of at most ${ARG_LENGTH_MAX} characters without NUL`,
  value => value.length <= ARG_LENGTH_MAX && !value.includes('\0'),
)
const variable = text('a variable name', /^[A-Za-z_][A-Za-z0-9_]{0,255}$/)
const name = text('a command name of letters, digits, ".", "_" and "-"', /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/)
const args = listOf(argument, ARGS_MAX)

/** A path relative to whatever directory the daemon was started in would name another program tomorrow. */
const program = text(
  'an absolute path, or the name of a program in PATH',
  value => value !== '' && !value.includes('\0') && (value.startsWith('/') || !value.includes('/')),
)
const directory = text('an absolute path', value => value.startsWith('/') && !value.includes('\0'))

const command = strict({
  path: program.schema,
  args: args.schema.default([]),
  taskArgs: z.boolean({ error: 'true or false' }).default(false),
  env: z
    .record(variable.schema as z.ZodType<string, string>, argument.schema, {
      error: 'a mapping of variable names to text',
    })
    .default({}),
  cwd: directory.schema.optional(),
}).transform((found): ExecCommand => ({ ...found, cwd: found.cwd }) as ExecCommand)

/** As tasks may have it (`tasks/spec.ts`): what no task can name would never run. */
const taskType = text(
  `a type of task (a letter, then up to 63 of A-Z a-z 0-9 . _ -) other than ${OWN_TYPES.join(', ')}`,
  value => /^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(value) && !OWN_TYPES.includes(value),
  'type of task',
)

const commandsExpected = `a mapping of at most ${COMMANDS_MAX} names to {path, args, taskArgs, env, cwd}`
const commands: OptionType = structure(
  'mapping of commands',
  commandsExpected,
  z
    .record(name.schema as z.ZodType<string, string>, command, { error: commandsExpected })
    .refine(map => Object.keys(map).length <= COMMANDS_MAX, { error: commandsExpected }),
)

const MODULES_MAX = 64
const MIB = 1024 * 1024
/** A thread with less than this does not get as far as to load a module. */
const MEMORY_BYTES_MIN = 16 * MIB
const MEMORY_BYTES_MAX = 64 * 1024 * MIB

const file = text('an absolute path', value => value.startsWith('/') && !value.includes('\0'))
const usual = moduleDefaults()
const module = strict({
  path: file.schema,
  concurrency: whole(1, 256).schema.default(usual.concurrency),
  memory: size(MEMORY_BYTES_MIN, MEMORY_BYTES_MAX).schema.default(usual.memoryBytes),
  env: z
    .record(variable.schema as z.ZodType<string, string>, argument.schema, {
      error: 'a mapping of variable names to text',
    })
    .default({}),
}).transform(({ memory, ...found }) => ({ ...found, memoryBytes: memory }) as ModuleConfig)

const modulesExpected = `a mapping of at most ${MODULES_MAX} types to {path, concurrency, memory, env}`
const modules: OptionType = structure(
  'mapping of modules',
  modulesExpected,
  z
    .record(taskType.schema as z.ZodType<string, string>, module, { error: modulesExpected })
    .refine(map => Object.keys(map).length <= MODULES_MAX, { error: modulesExpected }),
)

/** An http(s) URL without credentials: those would end up in logs. */
function isUrlPrefix(value: string): boolean {
  const url = URL.parse(value)
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
}

export function executorsOptions(): readonly Option[] {
  const defaults = executorsDefaults()
  return [
    {
      key: 'executors.exec.commands',
      type: commands,
      default: defaults.exec.commands,
      doc: 'The allow list of `exec` tasks: a name, and how to start it, never through a shell. `path` is absolute or found in PATH; `args` come before those of the task, which needs `taskArgs: true` to add any; `env` is all it gets beside PATH, HOME, LANG, TZ and `ROUNDTABLE_TASK_*`; `cwd` is where it runs, an absolute path (where the daemon was started, unless told).',
    },
    {
      key: 'executors.exec.outputBytesMax',
      type: size(0, 256 * 1024),
      default: defaults.exec.outputBytesMax,
      doc: 'Standard output kept as the result; a command that prints more is killed (OUTPUT_TOO_LARGE).',
    },
    {
      key: 'executors.http.allow',
      type: listOf(text('an http or https URL without user and password', isUrlPrefix, 'URL'), 256),
      default: defaults.http.allow,
      doc: 'Where `http` tasks may POST to: URL prefixes. Empty: no http tasks on this node.',
    },
    {
      key: 'executors.claim.types',
      type: distinctListOf(taskType, 64),
      default: defaults.claim.types,
      doc: 'Types of tasks that the application beside this node claims and carries out (`POST /v1/claims`). A task of such a type starts only while a client waits for it. The same on all nodes that are to run them.',
    },
    {
      key: 'executors.claim.leaseMs',
      type: duration(500, 600_000),
      default: defaults.claim.leaseMs,
      doc: 'A client that has not renewed its claim for this long has lost it: the attempt is lost and the task tried again. Shorter finds a dead client sooner and asks for more renewals.',
    },
    {
      key: 'executors.claim.waitersMax',
      type: whole(1, 1_000), // the API takes 1,024 connections; whoever asks for its health needs one, too
      default: defaults.claim.waitersMax,
      doc: 'Clients that may wait for tasks at one time, to 1,000; more are answered CLAIMS_FULL. Each holds one of the 1,024 connections of the API.',
    },
    {
      key: 'executors.claim.claimsMax',
      type: whole(1, 10_000),
      default: defaults.claim.claimsMax,
      doc: 'Tasks that clients of this node may hold or wait for at one time; more are answered CLAIMS_FULL. They do not count toward tasks.concurrency.',
    },
    {
      key: 'executors.modules',
      type: modules,
      default: defaults.modules,
      doc: 'Types of tasks that run in JavaScript modules: a type, and the module whose default export runs its tasks. `path` is absolute; `concurrency` (2) is how many run at one time, each in a process of some 40 MB, and of `tasks.concurrency` they use no more; `memory` (128MiB) is what the heap of one may take; `env` is all it gets beside PATH, HOME, LANG and TZ. A changed file is loaded anew for the next attempt.',
    },
    {
      key: 'executors.builtin',
      type: boolean(),
      default: defaults.builtin,
      doc: 'The executors for trying out: echo, compute, unreliable.',
    },
  ]
}

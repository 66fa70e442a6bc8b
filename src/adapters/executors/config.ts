/**
 * The most that `exec.outputBytesMax` may be, in bytes. A result is one JSON value that the daemon parses in one go:
 * 1 MiB takes 3 to 10 ms of its event loop, and 64 times as much would be mistaken for a dead node.
 */
export const OUTPUT_BYTES_CEILING = 1024 * 1024

/** Bytes that the environment of one command may have in the configuration: it travels with every order. */
export const COMMAND_ENV_BYTES_MAX = 64 * 1024

/** What this node may execute. */
export interface ExecutorsConfig {
  readonly exec: {
    /** The allow list: name -> how to start it. A task names one of these and nothing else ever runs. */
    readonly commands: Readonly<Record<string, ExecCommand>>
    /**
     * Bytes of standard output kept as the result; exceeding it kills the process group (OUTPUT_TOO_LARGE). At most
     * `OUTPUT_BYTES_CEILING`.
     */
    readonly outputBytesMax: number
  }
  readonly http: {
    /** Where `http` tasks may POST: URL prefixes, compared after parsing. Empty: no http tasks on this node. */
    readonly allow: readonly string[]
  }
  readonly claim: ClaimConfig
  /** Types of tasks that run in JavaScript modules: type -> module. Nothing else is ever loaded. */
  readonly modules: Readonly<Record<string, ModuleConfig>>
  /** The built-in executors for trying out: `echo`, `compute`, `unreliable`. */
  readonly builtin: boolean
}

/** Tasks that the application beside this node takes by itself, one at a time, and carries out. */
export interface ClaimConfig {
  /** Types of tasks that are carried out that way, and no other. The same on all nodes that are to run them. */
  readonly types: readonly string[]
  /** A client that has not renewed its claim for this long, in ms, has lost it, and the attempt is lost. */
  readonly leaseMs: number
  /** Clients that may wait at one time; more are answered CLAIMS_FULL. Each holds a connection. */
  readonly waitersMax: number
  /** Tasks that clients may hold or wait for at one time; more are answered CLAIMS_FULL. */
  readonly claimsMax: number
}

export interface ExecCommand {
  /** Absolute path, or a name looked up in PATH once at start. */
  readonly path: string
  /** Arguments put before those of the task. */
  readonly args: readonly string[]
  /** May the task add arguments of its own? */
  readonly taskArgs: boolean
  /** Environment of the command; nothing of the daemon's own but PATH, HOME, LANG and TZ is passed on. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

export interface ModuleConfig {
  /** Absolute path of the file whose default export runs the tasks. */
  readonly path: string
  /** Attempts at one time on this node, each in a thread and process of its own; more stay in the queue. */
  readonly concurrency: number
  /** Of the heap of one thread; its process may have 128 MiB beside it. */
  readonly memoryBytes: number
  /** Environment of the module; nothing of the daemon's own but PATH, HOME, LANG and TZ is passed on. */
  readonly env: Readonly<Record<string, string>>
}

/** What a module gets where the configuration does not say. */
export const moduleDefaults = (): Omit<ModuleConfig, 'path'> => ({
  concurrency: 2,
  memoryBytes: 128 * 1024 * 1024,
  env: {},
})

/** Types that have executors of their own, or are no work: neither modules nor clients can bear these names. */
export const OWN_TYPES: readonly string[] = [
  'exec',
  'http',
  'module',
  'claim',
  'echo',
  'compute',
  'unreliable',
  'schedule',
]

/** Commands that run on a node at one time. More wait in the queue, whatever `tasks.concurrency` is. */
export const COMMANDS_MAX = 512

/** How many attempts of a type its executor takes at one time, where it has such a limit. */
export const typeLimitsOf = ({ modules }: ExecutorsConfig): Readonly<Record<string, number>> => ({
  exec: COMMANDS_MAX,
  ...Object.fromEntries(Object.entries(modules).map(([type, { concurrency }]) => [type, concurrency])),
})

export const executorsDefaults = (): ExecutorsConfig => ({
  exec: { commands: {}, outputBytesMax: 64 * 1024 },
  http: { allow: [] },
  claim: { types: [], leaseMs: 10_000, waitersMax: 256, claimsMax: 1_024 },
  modules: {},
  builtin: true,
})

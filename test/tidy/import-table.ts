/**
 * Who may import whom. The table is the picture in src/README.md: `cli -> daemon -> adapters -> runtime -> node -> pure rooms ->
 * base`. It is data, so that a change of the architecture is one line here that a reviewer sees.
 */
import { type Import, importsOf, targetOf } from './imports.ts'
import type { Fault, Source } from './sources.ts'

interface Room {
  /** Rooms it may import, its own aside. */
  readonly rooms: readonly string[]
  /** Rooms it may import types from: words that cross a port, nothing that runs. */
  readonly types?: readonly string[]
  /** npm packages; a scope such as `@libp2p/` stands for all of it. */
  readonly packages?: readonly string[]
  /** Parts of Node.js. */
  readonly builtins?: readonly string[]
}

/** What an adapter may use: the ports, the types of the words that the ports speak, and whatever Node.js offers. */
const PORT: Room = {
  rooms: ['base', 'runtime'],
  types: ['node', 'membership', 'ring', 'grants', 'tasks'],
  builtins: ['*'],
}

/** Pure rooms: no package but hashring, and of Node.js only the hash function that the ring is defined by. */
export const PURE: Readonly<Record<string, Room>> = {
  base: { rooms: [] },
  membership: { rooms: ['base'] },
  ring: { rooms: ['base'], packages: ['hashring'], builtins: ['node:crypto'] },
  grants: { rooms: ['base', 'ring'] },
  tasks: { rooms: ['base', 'ring'] },
  node: { rooms: ['base', 'membership', 'ring', 'grants', 'tasks'] },
}

const TABLE: Readonly<Record<string, Room>> = {
  ...PURE,
  runtime: { rooms: ['base', 'node'], types: ['membership', 'ring', 'grants', 'tasks'] },
  'adapters/libp2p': {
    ...PORT,
    packages: [
      'libp2p',
      '@libp2p/',
      '@chainsafe/libp2p-gossipsub',
      '@chainsafe/libp2p-gossipsub/',
      '@multiformats/',
      '@noble/ciphers/',
      'uint8arraylist',
      'zod',
    ],
  },
  'adapters/storage': PORT,
  'adapters/executors': { ...PORT, packages: ['zod'] },
  'adapters/http': { ...PORT, packages: ['fastify', '@fastify/', 'prom-client', 'zod'] },
  'adapters/system': { ...PORT, packages: ['croner', 'pino', 'yaml'] },
  /** Reads each room's own config.ts (a rule of its own below) and the shape of a task in a list. */
  config: {
    rooms: ['base'],
    types: ['node', 'tasks'],
    packages: ['yaml', 'zod'],
    builtins: ['node:fs', 'node:fs/promises', 'node:net', 'node:os', 'node:path'],
  },
  /** What an application beside a node uses of it: talks HTTP, as any other client. */
  client: {
    rooms: ['base'],
    types: ['runtime', 'tasks'],
    builtins: ['node:http', 'node:https', 'node:timers/promises'],
  },
  /** The composition root. */
  daemon: { rooms: ['*'], builtins: ['*'] },
  /** Talks HTTP to a daemon; starts one. */
  cli: {
    rooms: ['base', 'config', 'daemon'],
    types: ['node', 'runtime', 'tasks', 'ring', 'grants', 'membership', 'adapters/http'],
    builtins: ['*'],
  },
  /** The embedding API. */
  'index.ts': { rooms: ['*'] },
}

/** The words that cross the ports, with the limits that are declared beside them. */
const CONTRACT =
  /^src\/(?:node\/(?:machine|status|control)|membership\/(?:member|messages)|grants\/messages|tasks\/(?:task|messages|progress|spec|survey|task-list|schedules\/(?:definition|orders|state|timing)))\.ts$/

/** Single files that a room may import beside its rooms. */
const FILES: readonly (readonly [room: RegExp, target: RegExp])[] = [
  [/^(?:adapters\/|cli$)/, CONTRACT],
  /** The runner holds a lock of the same make: the traps of that are known in one place. */
  [/^adapters\/executors$/, /^src\/adapters\/storage\/directory-lock\.ts$/],
  /** What is no progress is thrown back at whoever said it, before the node refuses it. */
  [/^client$/, /^src\/tasks\/progress\.ts$/],
  [/^config$/, /^src\/(?:adapters\/)?[a-z0-9-]+\/config\.ts$/],
  [/^config$/, /^src\/(?:tasks\/spec|node\/machine)\.ts$/],
]

const roomOf = (path: string): string => {
  const [, first = '', second = ''] = path.split('/')
  return first === 'adapters' ? `${first}/${second}` : first
}

const listed = (list: readonly string[] | undefined, name: string): boolean =>
  (list ?? []).some(
    entry => entry === '*' || entry === name || (entry.endsWith('/') && name.startsWith(entry)),
  )

/** Imports that the table does not allow. */
export function importFaults(sources: readonly Source[]): readonly Fault[] {
  return sources.flatMap(source => {
    const name = roomOf(source.path)
    const room = TABLE[name]
    if (!room) return [`${source.path}: ${name} is not a room of the table`]
    return importsOf(source)
      .filter(found => !allowed(source, room, found))
      .map(({ where, specifier, typeOnly }) => {
        const how = typeOnly ? 'the types of ' : ''
        return `${where}: ${name} may not import ${how}${specifier}`
      })
  })
}

function allowed(source: Source, room: Room, { specifier, typeOnly }: Import): boolean {
  if (specifier.startsWith('node:')) return listed(room.builtins, specifier)
  if (!specifier.startsWith('.')) return listed(room.packages, specifier)
  const target = targetOf(source, specifier)
  const [from, to] = [roomOf(source.path), roomOf(target)]
  if (!target.startsWith('src/') || !target.endsWith('.ts')) return false
  if (from === to || listed(room.rooms, to)) return true
  if (typeOnly && listed(room.types, to)) return true
  return FILES.some(([name, pattern]) => name.test(from) && pattern.test(target))
}

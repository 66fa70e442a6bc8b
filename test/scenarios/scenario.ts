/**
 * Plays a golden transcript: commands and, under each, everything visible that followed, with virtual times.
 *
 * The form is that of etcd raft's testdata: a block is comment lines, one command, `----`, its output, an empty line.
 * Playing a text gives the same text with the outputs as they are now, so a test compares the two, and recording again
 * is writing one over the other. Read the difference before committing it: it is what changed for an operator.
 */
import { assert } from '../../src/base/assert.ts'
import { asNodeId, asRequestId } from '../../src/base/ids.ts'
import type { GrantsConfig, Mode, PrefixMode } from '../../src/grants/config.ts'
import type { ControlRequest } from '../../src/node/control.ts'
import type { NodeInit } from '../../src/node/init.ts'
import type { Effect } from '../../src/node/machine.ts'
import { readinessOf } from '../../src/node/views.ts'
import { TRUE_CLOCK, WALL_START_MS } from '../simulation/clock.ts'
import { Cluster, makeList, makeSpec } from '../simulation/cluster.ts'
import type { Process } from '../simulation/process.ts'
import { type Host, nameOf, type WorldProbe } from '../simulation/world.ts'
import { RightWatch } from './right-watch.ts'
import { shownOf } from './shown.ts'

/** One-way delay between any two hosts. */
const LATENCY_MS = 1
const LEAVE_DEADLINE = '5s'
/** What a hung task takes. */
const HANGS_MS = 1_000 * 3_600_000
/** The longest that a submitted task may take: a day. */
const TIMEOUT_MS = 24 * 3_600_000

interface Block {
  readonly comments: readonly string[]
  readonly command: string
}

/** The same text with the outputs that the commands have now. */
export function play(text: string, seed = 1): string {
  let player: Player | undefined
  const told = parse(text).map(({ comments, command }) => {
    const [verb, ...words] = command.split(/\s+/)
    if (verb === 'cluster') player = new Player(words, seed)
    assert(player !== undefined, 'a transcript begins with `cluster`', { command })
    const output = verb === 'cluster' ? [] : player.carryOut(verb ?? '', words)
    return [...comments, command, '----', ...output, ''].join('\n')
  })
  return `${told.join('\n').trimEnd()}\n`
}

function parse(text: string): Block[] {
  const blocks: Block[] = []
  for (const paragraph of text.split(/\n{2,}/)) {
    const lines = paragraph.split('\n').filter(line => line.trim() !== '')
    const commandAt = lines.findIndex(line => !line.startsWith('#'))
    const command = lines[commandAt]
    if (command !== undefined) blocks.push({ comments: lines.slice(0, commandAt), command })
  }
  return blocks
}

class Player implements WorldProbe {
  readonly #cluster: Cluster
  /** What a host's next process is born with in place of the usual. */
  readonly #bornWith = new Map<string, Partial<NodeInit>>()
  /** Absent where no keys are watched. */
  readonly #right: RightWatch | undefined
  readonly #shown: ReadonlyMap<string, readonly string[]>
  #lines: string[] = []
  #tasks = 0

  /**
   * @param words node names, and `seeds=n1,n2` (every node has these as seeds), `seeds=all` or `seeds=none`; `tasks=8`
   * (how many every node's task list has); `join-delay=2s`; `expected=3` (quorum mode); `available=cache/` (the mode of a
   * prefix); `tombstone=8s`; `keys=a,b` (who may act for these is shown); `claims=hidden`
   */
  constructor(words: readonly string[], seed: number) {
    const names = words.filter(word => !word.includes('='))
    const options = optionsOf(words)
    const listed = options.get('seeds') ?? 'all'
    const everyone = names.map((_, index) => index)
    const some = listed === 'none' ? [] : listed.split(',').map(name => names.indexOf(name))
    const seeds = listed === 'all' ? everyone : some
    const tombstone = options.get('tombstone')
    const joinDelayMs = milliseconds(options.get('join-delay') ?? '0ms')
    assert(
      names.every((name, index) => name === `n${index + 1}`) && !seeds.includes(-1),
      'nodes are named n1, n2 and so on, and seeds are among them',
      { names, seeds },
    )
    const hosts = names.map((_, index) => ({ clock: { ...TRUE_CLOCK, offsetMs: 1_000 * index }, seeds }))
    this.#cluster = new Cluster({
      seed,
      hosts,
      list: makeList(Number(options.get('tasks') ?? 0)),
      grants: grantsOf(options),
      ...(tombstone === undefined ? {} : { membership: { tombstoneMs: milliseconds(tombstone) } }),
      bornWith: host => ({ joinDelayMs, ...this.#bornWith.get(host.name) }),
    })
    const { paths } = this.#cluster.world
    for (const a of everyone) for (const b of everyone) if (a !== b) paths.setDelay(a, b, LATENCY_MS, 0)
    const keys = options.get('keys')?.split(',')
    this.#right = keys && new RightWatch(this.#cluster, keys, (at, text) => this.#note(at, text))
    this.#shown = shownOf({ keys: keys !== undefined, claims: options.get('claims') !== 'hidden' })
    this.#cluster.world.watch(this)
  }

  /** Does what the command says and returns what was seen. */
  carryOut(verb: string, words: readonly string[]): string[] {
    this.#lines = []
    this.#do(verb, words)
    this.#right?.catchUp()
    return this.#lines
  }

  input(): void {}

  stepped(process: Process): void {
    this.#right?.catchUp()
    this.#right?.stepped(process)
  }

  note(): void {}

  effect(process: Process, effect: Effect): void {
    if (effect.kind === 'reply') this.#answer(process, effect.reply)
    if (effect.kind === 'left') this.#say(`${this.#cluster.world.hosts[process.host]?.name} ends`)
    if (effect.kind !== 'log') return
    const shown = this.#shown.get(effect.event)
    if (shown === undefined) return
    const host = this.#cluster.world.hosts[process.host]
    const { member, memberIncarnation, incarnation } = effect.fields
    const self = host && this.#cluster.nodeIn(process)?.init.nodeId
    const life = member === self ? incarnation : memberIncarnation
    const subject = member === undefined ? [] : [`${String(member)}${incarnationOf(life)}`]
    const why = shown.flatMap(field => {
      const value = effect.fields[field]
      return value === undefined
        ? []
        : [`${field}=${typeof value === 'number' ? shortly(field, value) : String(value)}`]
    })
    this.#say([host?.name ?? '?', effect.event, ...subject, ...why].join(' '))
  }

  broken(_process: Process, invariant: string, detail: string): void {
    this.#say(`BROKEN ${invariant}: ${detail}`)
  }

  /** What an operator is told; answers about tasks are not shown. */
  #answer(process: Process, reply: Extract<Effect, { kind: 'reply' }>['reply']): void {
    const name = this.#cluster.world.hosts[process.host]?.name
    if (reply.ok && 'detail' in reply) this.#say(`${name} answers: ${reply.detail}`)
    if (!reply.ok) this.#say(`${name} answers: ${reply.failure.code}: ${reply.failure.detail}`)
  }

  #say(text: string): void {
    this.#right?.catchUp()
    this.#note(this.#cluster.world.now, text)
  }

  #note(atMs: number, text: string): void {
    this.#lines.push(`${(atMs / 1000).toFixed(3)}s ${text}`)
  }

  #do(verb: string, words: readonly string[]): void {
    const done = [this.#toWorld(verb, words), this.#toNetwork(verb, words), this.#toNode(verb, words)]
    assert(done.filter(Boolean).length === 1, 'a command has one meaning', { verb })
  }

  /** Hosts and their processes. False: no such command. */
  #toWorld(verb: string, [first = '', ...rest]: readonly string[]): boolean {
    const { world } = this.#cluster
    const host = (): Host => world.host(first)
    const other = (): Host => world.host(rest[0] ?? '')
    const commands: Readonly<Record<string, () => void>> = {
      start: () => {
        for (const name of [first, ...rest]) world.start(world.host(name))
      },
      restart: () => {
        world.readdress(host(), rest.includes('moved') ? undefined : host().address)
        world.start(host())
      },
      run: () => world.runUntil(world.now + milliseconds(first)),
      kill: () => world.crash(host()),
      'power-off': () => world.powerOff(host()),
      freeze: () => world.freeze(host()),
      thaw: () => world.thaw(host()),
      wipe: () => world.wipe(host()),
      become: () => this.#become(host(), optionsOf(rest)),
      clone: () => this.#clone(host(), other()),
      swap: () => this.#swap(host(), other()),
      hang: () => host().executor.setTakesMs(HANGS_MS, HANGS_MS),
      clock: () => host().clock.stepWall(milliseconds(rest[0] ?? '')),
    }
    return carriedOut(commands[verb])
  }

  #toNetwork(verb: string, words: readonly string[]): boolean {
    const { world } = this.#cluster
    const [first = '', second = ''] = words
    const commands: Readonly<Record<string, () => void>> = {
      cut: () => world.cut(world.host(first), world.host(second)),
      partition: () => this.#partition(words),
      heal: () => world.healAll(),
    }
    return carriedOut(commands[verb])
  }

  /** What an operator asks of nodes, and what they show. */
  #toNode(verb: string, [first = '', ...rest]: readonly string[]): boolean {
    const { world } = this.#cluster
    const control = (request: ControlRequest): boolean => this.#cluster.control(world.host(first), request)
    const commands: Readonly<Record<string, () => void>> = {
      leave: () => world.leave(world.host(first), milliseconds(rest[0] ?? LEAVE_DEADLINE)),
      seeds: () =>
        world.host(first).process?.receive({ kind: 'seeds', seeds: rest.map(name => nameOf({ name })) }),
      cordon: () => control({ kind: 'cordon' }),
      uncordon: () => control({ kind: 'uncordon' }),
      weight: () => control({ kind: 'weight', weight: Number(rest[0]) }),
      forget: () => control({ kind: 'forget', node: asNodeId(rest[0] ?? '') }),
      'voter-add': () => control({ kind: 'voter-add', node: asNodeId(rest[0] ?? '') }),
      'voter-remove': () => control({ kind: 'voter-remove', node: asNodeId(rest[0] ?? '') }),
      'voters-reset': () => control({ kind: 'voters-reset', names: rest.map(asNodeId) }),
      voters: () => {
        for (const host of world.hosts) this.#voters(host)
      },
      submit: () => this.#submit(world.host(first), rest[0] ?? ''),
      readyz: () => this.#readyz(world.host(first)),
      view: () => {
        for (const host of world.hosts) this.#view(host)
      },
    }
    return carriedOut(commands[verb])
  }

  /** A task of this key, through this node. */
  #submit(host: Host, key: string): void {
    const spec = {
      ...makeSpec(`task-${++this.#tasks}`, this.#tasks),
      type: 'echo',
      key,
      timeoutMs: TIMEOUT_MS,
    }
    const id = asRequestId(`task ${this.#tasks}`)
    host.process?.receive({ kind: 'request', id, request: { kind: 'submit', spec } })
  }

  #voters(host: Host): void {
    const node = this.#cluster.nodeOf(host)
    if (node === undefined) return
    const { list } = node.grants?.voters ?? {}
    const before = list?.previous === undefined ? '' : `, changing from ${list.previous.join(' ')}`
    const text =
      list === undefined ? 'no voters' : `voters ${list.names.join(' ')}, version ${list.version}${before}`
    this.#lines.push(`${host.name} has ${text}`)
  }

  /** `id=n1`: its next process bears that name. `cluster=other`: it belongs to that one. */
  #become(host: Host, options: ReadonlyMap<string, string>): void {
    const [id, cluster] = [options.get('id'), options.get('cluster')]
    this.#bornWith.set(host.name, {
      ...this.#bornWith.get(host.name),
      ...(id === undefined ? {} : { nodeId: asNodeId(id) }),
      ...(cluster === undefined ? {} : { cluster }),
    })
  }

  /** The second host gets the data directory of the first: key, boot number, incarnation; and its name. */
  #clone(from: Host, to: Host): void {
    to.peer = from.peer
    to.disk.boot = from.disk.boot
    to.disk.incarnation = from.disk.incarnation
    this.#become(to, new Map([['id', from.name]]))
  }

  #swap(a: Host, b: Host): void {
    const { world } = this.#cluster
    const [atA, atB] = [a.address, b.address]
    world.readdress(a, atB)
    world.readdress(b, atA)
  }

  #readyz(host: Host): void {
    const node = this.#cluster.nodeOf(host)
    if (node === undefined || host.process === undefined) return
    const { ready, reasons } = readinessOf(node, host.process.now())
    this.#lines.push(`${host.name} is ${ready ? 'ready' : 'not ready'}`)
    for (const { code, detail } of reasons) this.#lines.push(`  ${code}: ${detail}`)
  }

  /** `n1 n2 | n3 n4` */
  #partition(words: readonly string[]): void {
    const { world } = this.#cluster
    const bar = words.indexOf('|')
    const hosts = (names: readonly string[]): Host[] => names.map(name => world.host(name))
    world.partition(hosts(words.slice(0, bar)), hosts(words.slice(bar + 1)))
  }

  #view(host: Host): void {
    const belief = this.#cluster.belief(host)
    if (belief === undefined) return
    const members = belief.members
      .filter(({ forgotten }) => !forgotten)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(
        ({ id, status, incarnation, cordoned }) =>
          `${id}${incarnationOf(incarnation)}${status === 'alive' ? '' : `:${status}`}${cordoned ? ':cordoned' : ''}`,
      )
    this.#lines.push(`${host.name} sees ${members.join(' ')}, ring ${belief.ringChecksum.slice(0, 8)}`)
  }
}

function carriedOut(command: (() => void) | undefined): boolean {
  command?.()
  return command !== undefined
}

/** Terms are wall clocks. */
const OF_WALL: ReadonlySet<string> = new Set(['term', 'top'])

/** Times in whole milliseconds; a weight as it is; terms without the beginning of the world. */
function shortly(field: string, value: number): number | string {
  if (OF_WALL.has(field) && value >= WALL_START_MS) return incarnationOf(value)
  return Math.abs(value) < 10 ? value : Math.round(value)
}

function grantsOf(options: ReadonlyMap<string, string>): Partial<GrantsConfig> {
  const expected = options.get('expected')
  if (expected === undefined) return {}
  const ofMode = (mode: Mode): PrefixMode[] => {
    const prefixes = options.get(mode)?.split(',') ?? []
    return prefixes.map(prefix => ({ prefix, mode }))
  }
  const modes = [...ofMode('available'), ...ofMode('quorum')]
  return { mode: 'quorum', expectedNodes: Number(expected), modes }
}

/** `id=n1 cluster=other` */
const optionsOf = (words: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    words
      .filter(word => word.includes('='))
      .map(word => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  )

/** Incarnations begin as wall clock milliseconds; the beginning of the world is subtracted to keep them short. */
function incarnationOf(incarnation: unknown): string {
  return typeof incarnation === 'number' ? `#${Math.round(incarnation - WALL_START_MS)}` : ''
}

/** `500ms`, `2s`, `1h`. */
function milliseconds(text: string): number {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|h)$/.exec(text)
  assert(match !== null, 'a duration is a number with ms, s or h', { text })
  return Number(match[1]) * ({ ms: 1, s: 1_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'h'] ?? 1)
}

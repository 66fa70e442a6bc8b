/**
 * Plays a golden transcript: commands and, under each, everything visible that followed, with virtual times.
 *
 * The form is that of etcd raft's testdata: a block is comment lines, one command, `----`, its output, an empty line.
 * Playing a text gives the same text with the outputs as they are now, so a test compares the two, and recording again
 * is writing one over the other. Read the difference before committing it: it is what changed for an operator.
 */
import { assert } from '../../src/base/assert.ts'
import type { Effect } from '../../src/node/machine.ts'
import { TRUE_CLOCK, WALL_START_MS } from '../simulation/clock.ts'
import { Cluster } from '../simulation/cluster.ts'
import type { Process } from '../simulation/process.ts'
import type { Host, WorldProbe } from '../simulation/world.ts'

/** One-way delay between any two hosts. */
const LATENCY_MS = 1
const LEAVE_DEADLINE_MS = 5_000

/** What an operator would see in the log, with the fields that tell why. */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  'member-alive': ['source'],
  'member-renewed': ['source'],
  'member-suspect': ['accuser', 'evidence'],
  'claim-withdrawn': ['accuser', 'reason'],
  verdict: ['reason', 'accusers'],
  'member-dead': ['source'],
  'member-leaving': ['source'],
  'member-left': ['source'],
  refuted: ['reason', 'by'],
  leaving: [],
  left: [],
  'stood-still': ['lateMs'],
  island: [],
  'island-over': [],
  'seed-trouble': ['seed', 'reason'],
  'peer-refused': ['code'],
  'join-refused': ['code'],
  ready: ['members'],
}

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
  #lines: string[] = []

  /** @param words node names, and `seeds=n1,n2` (every node has these as seeds) or `seeds=all` */
  constructor(words: readonly string[], seed: number) {
    const names = words.filter(word => !word.includes('='))
    const listed = words.find(word => word.startsWith('seeds='))?.slice('seeds='.length)
    const everyone = names.map((_, index) => index)
    const seeds =
      listed === undefined || listed === 'all' ? everyone : listed.split(',').map(name => names.indexOf(name))
    assert(
      names.every((name, index) => name === `n${index + 1}`) && !seeds.includes(-1),
      'nodes are named n1, n2 and so on, and seeds are among them',
      { names, seeds },
    )
    const hosts = names.map((_, index) => ({ clock: { ...TRUE_CLOCK, offsetMs: 1_000 * index }, seeds }))
    this.#cluster = new Cluster({ seed, hosts, list: [] })
    const { paths } = this.#cluster.world
    for (const a of everyone) for (const b of everyone) if (a !== b) paths.setDelay(a, b, LATENCY_MS, 0)
    this.#cluster.world.watch(this)
  }

  /** Does what the command says and returns what was seen. */
  carryOut(verb: string, words: readonly string[]): string[] {
    this.#lines = []
    this.#do(verb, words)
    return this.#lines
  }

  input(): void {}

  note(): void {}

  effect(process: Process, effect: Effect): void {
    if (effect.kind !== 'log') return
    const shown = SHOWN[effect.event]
    if (shown === undefined) return
    const host = this.#cluster.world.hosts[process.host]
    const { member, memberIncarnation, incarnation } = effect.fields
    const life = member === host?.name ? incarnation : memberIncarnation
    const subject = member === undefined ? [] : [`${String(member)}${incarnationOf(life)}`]
    const why = shown.flatMap(field => {
      const value = effect.fields[field]
      return value === undefined
        ? []
        : [`${field}=${typeof value === 'number' ? Math.round(value) : String(value)}`]
    })
    this.#say([host?.name ?? '?', effect.event, ...subject, ...why].join(' '))
  }

  broken(_process: Process, invariant: string, detail: string): void {
    this.#say(`BROKEN ${invariant}: ${detail}`)
  }

  #say(text: string): void {
    this.#lines.push(`${(this.#cluster.world.now / 1000).toFixed(3)}s ${text}`)
  }

  #do(verb: string, words: readonly string[]): void {
    const { world } = this.#cluster
    const [first = '', ...rest] = words
    switch (verb) {
      case 'start':
        for (const name of words) world.start(world.host(name))
        return
      case 'restart':
        world.readdress(world.host(first), rest.includes('moved') ? undefined : world.host(first).address)
        world.start(world.host(first))
        return
      case 'run':
        world.runUntil(world.now + milliseconds(first))
        return
      case 'kill':
        world.crash(world.host(first))
        return
      case 'power-off':
        world.powerOff(world.host(first))
        return
      case 'freeze':
        world.freeze(world.host(first))
        return
      case 'thaw':
        world.thaw(world.host(first))
        return
      case 'wipe':
        world.wipe(world.host(first))
        return
      case 'leave':
        world.leave(world.host(first), LEAVE_DEADLINE_MS)
        return
      case 'cut':
        world.cut(world.host(first), world.host(rest[0] ?? ''))
        return
      case 'partition':
        this.#partition(words)
        return
      case 'heal':
        world.healAll()
        return
      case 'clock':
        world.host(first).clock.stepWall(milliseconds(rest[0] ?? ''))
        return
      case 'view':
        for (const host of world.hosts) this.#view(host)
        return
      default:
        throw new Error(`no command ${verb}`)
    }
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
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .map(
        ({ id, status, incarnation }) =>
          `${id}${incarnationOf(incarnation)}${status === 'alive' ? '' : `:${status}`}`,
      )
    this.#lines.push(`${host.name} sees ${members.join(' ')}, ring ${belief.ringChecksum.slice(0, 8)}`)
  }
}

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

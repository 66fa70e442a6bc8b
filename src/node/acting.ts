/**
 * Who may act, put together for the tasks and the faces: keys in available mode are acted for by whoever owns them, keys
 * in quorum mode only with leave of a quorum of voters.
 */
import { hash32 } from '../base/hash.ts'
import type { GrantsConfig, Mode } from '../grants/config.ts'
import type { Grants } from '../grants/grants.ts'
import type { GrantedLeave } from '../grants/leave.ts'
import { tokenOf } from '../grants/token.ts'
import type { Leave, Right, Token } from '../tasks/right.ts'
import { NodeEpochs } from './epochs.ts'

/** Longer texts of modes are told as a hash, in characters. */
const MODES_CHARS_MAX = 100

/**
 * Which keys need leave, and with how many copies what happens to them counts: for others to compare with their own rules
 * and for people to read.
 */
export function modesText(config: GrantsConfig, durability: number): string {
  const { mode, modes } = config
  const prefixes = modes.map(each => `${each.prefix}*=${each.mode}`).sort()
  const copies = Acting.needed(config) ? [`copies=${durability}`] : []
  const text = [mode, ...prefixes, ...copies].join(' ')
  if (text.length <= MODES_CHARS_MAX) return text
  return `${mode} ${prefixes.length} prefixes #${hash32(text).toString(16)}`
}

export class Acting implements Right {
  readonly #config: GrantsConfig
  /** Longest prefix first. */
  readonly #prefixes: GrantsConfig['modes']
  readonly #grants: Grants | undefined
  readonly #open: Right
  /** The latest leave, as it was granted and as it is told: mostly all keys have the same one. */
  #granted: GrantedLeave | undefined
  #leave: Leave | undefined
  #token: { readonly term: number; readonly token: Token } | undefined
  /** Absent when nothing runs in quorum mode. */
  readonly epochs?: NodeEpochs

  /**
   * @param grants absent when nothing runs in quorum mode
   * @param open the right of available mode
   */
  constructor(config: GrantsConfig, grants: Grants | undefined, open: Right) {
    this.#config = config
    this.#prefixes = [...config.modes].sort((a, b) => b.prefix.length - a.prefix.length)
    this.#grants = grants
    this.#open = open
    if (grants === undefined) return
    const only = config.mode === 'quorum' && config.modes.every(({ mode }) => mode === 'quorum')
    this.epochs = new NodeEpochs(grants, only, key => only || this.modeOf(key) === 'quorum')
  }

  /** Does any key need leave? */
  static needed({ mode, modes }: GrantsConfig): boolean {
    return mode === 'quorum' || modes.some(each => each.mode === 'quorum')
  }

  modeOf(key: string): Mode {
    return this.#prefixes.find(({ prefix }) => key.startsWith(prefix))?.mode ?? this.#config.mode
  }

  leaveFor(key: string): Leave | undefined {
    if (this.#grants === undefined || this.epochs?.isQuorum(key) !== true) return this.#open.leaveFor(key)
    const granted = this.#grants.leaveFor(key)
    if (granted === undefined) return undefined
    if (granted !== this.#granted || this.#leave === undefined) {
      const { until, term, latest } = granted
      this.#granted = granted
      this.#leave = { until, token: this.#tokenOf(term), term: latest }
    }
    return this.#leave
  }

  #tokenOf(term: number): Token {
    if (this.#token?.term !== term) this.#token = { term, token: { value: tokenOf(term), safe: true } }
    return this.#token.token
  }

  /** In available mode nothing ever comes to be allowed that was not. */
  get version(): number {
    return this.#grants?.version ?? 0
  }

  get moves(): number {
    return this.#grants?.moves ?? 0
  }
}

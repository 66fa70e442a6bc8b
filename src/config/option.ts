/** One line of the configuration: what may be set, to what, and why one would. */
import type { z } from 'zod'

export interface OptionType {
  /** How the reference names it: `duration`, `size`, `whole number`. */
  readonly name: string
  /** What a valid value looks like, for the one who wrote another one. */
  readonly expected: string
  /** Takes the value as the file or a program gives it. */
  readonly schema: z.ZodType
  /**
   * Makes of the text of an environment variable or flag what a file would have held. Text that does not fit is handed
   * on unchanged, so that the schema says what is wrong.
   */
  readonly fromText: (text: string) => unknown
}

export interface Option {
  /** Path in the file, such as `http.port`. */
  readonly key: string
  /** Path in `Config`, where it is another one. */
  readonly place?: string
  readonly type: OptionType
  /** Value when nobody says otherwise; undefined leaves it unset. */
  readonly default: unknown
  /** How the reference shows the default where it depends on the machine. */
  readonly defaultText?: string
  /** What it is, what it trades, what binds it. One paragraph. */
  readonly doc: string
  /** Further variable that sets it, weaker than its `ROUNDTABLE_` one. */
  readonly alias?: string
  /** Another name of its flag. */
  readonly flagAlias?: string
  /** Never shown: not in errors, logs or `redacted`. */
  readonly secret?: true
  /** Names a file whose trimmed content becomes the value of this other (secret) key. */
  readonly fileOf?: string
  /** A path: relative ones count from the file that names them, else from the working directory. */
  readonly path?: true
  /**
   * What becomes of a change when a running daemon reads its configuration again: `applied` at once, or `first-list`:
   * ignored once there is a voter list. Everything else needs a restart.
   */
  readonly reload?: 'applied' | 'first-list'
}

/** What the reference says of it: the explanation, and what a reload does. */
export function docOf({ doc, reload }: Option): string {
  if (reload === undefined) return doc
  return `${doc} ${reload === 'applied' ? 'A reload applies it.' : 'Ignored once there is a voter list.'}`
}

/** `membership.probeIntervalMs` -> `ROUNDTABLE_MEMBERSHIP_PROBE_INTERVAL_MS`. */
export function variableOf(key: string): string {
  return `ROUNDTABLE_${key
    .replaceAll('.', '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`
}

/** `membership.probeIntervalMs` -> `membership-probe-interval-ms`, written with two dashes before it. */
export function flagOf(key: string): string {
  return key
    .replaceAll('.', '-')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
}

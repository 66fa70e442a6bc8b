/** Which keys differ between two configurations, and what a running daemon can do about each. */
import type { Config } from './config.ts'
import type { Option } from './option.ts'
import { optionsOf } from './options.ts'

export interface ConfigChange {
  readonly key: string
  /** As in `Option`; undefined: read at start only. */
  readonly reload: Option['reload']
}

/**
 * In the order of the reference. Secrets are compared like anything else, and named by their key only.
 * @param inForce the configuration from which the value of a key that is in force came
 */
export function changesBetween(inForce: (key: string) => Config, found: Config): readonly ConfigChange[] {
  return optionsOf({ hostname: 'localhost', cores: 2 })
    .filter(({ fileOf }) => fileOf === undefined)
    .filter(option => textOf(inForce(option.key), option) !== textOf(found, option))
    .map(({ key, reload }) => ({ key, reload }))
}

function textOf(config: Config, { key, place }: Option): string {
  let found: unknown = config
  for (const step of (place ?? key).split('.')) {
    found = typeof found === 'object' && found !== null ? Reflect.get(found, step) : undefined
  }
  return JSON.stringify(found) ?? ''
}

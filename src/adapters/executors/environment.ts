/** What of this process's environment others may see. The rest may hold secrets: tokens, keys, passwords. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'TZ'] as const

export function baseEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  return environment
}

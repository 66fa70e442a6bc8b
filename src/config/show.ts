/** Values as they may be shown to whoever reads errors and logs. */
import type { Config } from './config.ts'

const LENGTH_MAX = 80
export const HIDDEN = '(hidden)'

/** A value in an error message: short, and without what it should not give away. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return showText(value)
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'a mapping'
  return String(value)
}

function showText(value: string): string {
  const safe = value.replaceAll(/\/\/[^/\s]*@/g, `//${HIDDEN}@`)
  return JSON.stringify(safe.length > LENGTH_MAX ? `${safe.slice(0, LENGTH_MAX)}...` : safe)
}

const hide = (value: string | undefined): string | undefined => (value === undefined ? undefined : HIDDEN)

/** A mapping of names to what is started, each with an environment: variables are shown, their values are not. */
function withHiddenEnv<T extends { readonly env: Readonly<Record<string, string>> }>(
  named: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> {
  const hidden = Object.entries(named).map(([name, each]) => {
    const env = Object.fromEntries(Object.keys(each.env).map(key => [key, HIDDEN]))
    return [name, { ...each, env }] as const
  })
  return Object.fromEntries(hidden)
}

/** The configuration without its secrets: cluster key, tokens, and the values of environments of commands and modules. */
export function redacted(config: Config): Config {
  const { exec, modules } = config.executors
  return {
    ...config,
    transport: { ...config.transport, clusterKey: hide(config.transport.clusterKey) },
    http: {
      ...config.http,
      readToken: hide(config.http.readToken),
      writeToken: hide(config.http.writeToken),
    },
    executors: {
      ...config.executors,
      exec: { ...exec, commands: withHiddenEnv(exec.commands) },
      modules: withHiddenEnv(modules),
    },
  }
}

/** Files that nothing leads to from where the program starts. A test that imports a file does not make it used. */
import { importsOf, targetOf } from './imports.ts'
import type { Fault, Source } from './sources.ts'

/** What `bin/roundtable` and the package start with. Workers and child processes are reached from where they are started. */
export const ENTRIES = ['src/cli/main.ts', 'src/index.ts']

export function reachFaults(sources: readonly Source[], entries: readonly string[]): readonly Fault[] {
  const all = new Map(sources.map(source => [source.path, source]))
  const reached = new Set<string>()
  const queue = [...entries]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = all.get(path)
    if (!source || reached.has(path)) continue
    reached.add(path)
    queue.push(...leadsTo(source))
  }
  const missing = entries.filter(entry => !all.has(entry)).map(entry => `${entry} is not there`)
  const unused = [...all.keys()].filter(path => !reached.has(path)).map(path => `${path} is used by nothing`)
  return [...missing, ...unused]
}

const leadsTo = (source: Source): readonly string[] =>
  importsOf(source)
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier }) => targetOf(source, specifier))

/**
 * The entry: switches the compile cache on and only then imports the program, since what is imported before is compiled
 * anew at every start. libp2p costs about a second of compiling per process, with the cache a fraction of it.
 */
import { enableCompileCache } from 'node:module'
import { holdSignals } from '../daemon/signals.ts'
import { compileCacheDirectory } from './compile-cache.ts'

// A daemon has its signals from here on; other commands end by them.
if (process.argv.slice(2).find(word => !word.startsWith('-')) === 'agent') holdSignals()
const directory = compileCacheDirectory()
if (directory !== undefined) enableCompileCache(directory)
const { main } = await import('./program.ts')
await main()

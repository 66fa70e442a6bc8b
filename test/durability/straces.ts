/** strace beside each daemon: every sync of its store, when it began and when it was done. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Sync {
  readonly node: string
  /** Wall clock of this machine, ms. */
  readonly from: number
  readonly to: number
}

/** `1795248641.400123 fdatasync(21</data/store.sqlite-wal>) = 0 <0.000912>` */
const SYNC = /^(\d+\.\d+) f(?:data)?sync\(\d+<([^>]*)>\)\s+= 0 <(\d+\.\d+)>$/

/** The file that a commit goes to, of whatever kind of journal. */
const STORE = /store[\w.-]*$/

const ATTACH_MS = 30_000

export class Straces {
  readonly #children: ReadonlyMap<string, ChildProcess>
  readonly #directory: string

  private constructor(children: ReadonlyMap<string, ChildProcess>, directory: string) {
    this.#children = children
    this.#directory = directory
  }

  /** Watches these processes with all their threads; each is watched when this settles. @throws when one cannot be */
  static async attach(pids: ReadonlyMap<string, number>, directory: string): Promise<Straces> {
    const children = new Map<string, ChildProcess>()
    for (const [node, pid] of pids) {
      // A file for each thread: no call is split by those of another one.
      const args = ['-ff', '-ttt', '-T', '-y', '-e', 'trace=fsync,fdatasync', '-o', join(directory, node)]
      const child = spawn('strace', [...args, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
      children.set(node, child)
      await attached(child, node)
    }
    return new Straces(children, directory)
  }

  /** Ends the watching, and tells all that was seen. */
  async detach(): Promise<readonly Sync[]> {
    for (const child of this.#children.values()) {
      const gone = once(child, 'exit')
      child.kill('SIGINT')
      await gone
    }
    return readdirSync(this.#directory).flatMap(file => {
      const node = file.replace(/\.\d+$/, '')
      return syncsOf(node, readFileSync(join(this.#directory, file), 'utf8'))
    })
  }
}

/** What strace wrote of one thread of a node. Syncs of other files, and those that failed, are none. */
export function syncsOf(node: string, text: string): readonly Sync[] {
  return text.split('\n').flatMap(line => {
    const found = SYNC.exec(line)
    if (found === null || !STORE.test(found[2] ?? '')) return []
    const from = Number(found[1]) * 1_000
    return [{ node, from, to: from + Number(found[3]) * 1_000 }]
  })
}

/** The main thread is attached last, and then strace says so. */
async function attached(child: ChildProcess, node: string): Promise<void> {
  let said = ''
  const watching = new Promise<void>((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`strace does not attach to ${node}: ${said}`)), ATTACH_MS)
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`strace of ${node} ended with ${code}: ${said}`)))
    createInterface({ input: child.stderr ?? process.stdin }).on('line', line => {
      said += `${line}\n`
      if (!/attached/.test(line)) return
      clearTimeout(limit)
      resolve()
    })
  })
  await watching
}

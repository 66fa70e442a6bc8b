import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutants.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Found {
  readonly seed: number
  readonly words: string
}

/** The room and its adversary in a directory of their own, with a mutant in place. */
export class MutantCopy {
  readonly #directory: string

  /** @throws Error when the mutant no longer fits the room */
  constructor({ name, file, edits }: Mutant) {
    this.#directory = mkdtempSync(join(tmpdir(), 'roundtable-mutant-'))
    for (const part of ['src/base', 'src/ring', 'src/grants', 'test/grants', 'package.json'])
      cpSync(join(ROOT, part), join(this.#directory, part), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(this.#directory, 'node_modules'))
    const path = join(this.#directory, 'src/grants', file)
    let text = readFileSync(path, 'utf8')
    for (const [from, to] of edits) {
      if (text.split(from).length === 2) text = text.replace(from, () => to)
      else {
        this.remove()
        throw new Error(`"${name}" no longer fits ${file}, renew it: ${from}`)
      }
    }
    writeFileSync(path, text)
  }

  /** What the first world from this seed on finds; undefined when none of so many finds anything. */
  find(from: number, seeds: number, timeoutMs: number): Found | undefined {
    const words = ['test/grants/run.ts', `--from=${from}`, `--seeds=${seeds}`, '--storm']
    const ran = spawnSync(execPath, words, { cwd: this.#directory, encoding: 'utf8', timeout: timeoutMs })
    const told = /^seed (\d+): ([\s\S]*)/.exec(ran.stderr ?? '')
    return told === null ? undefined : { seed: Number(told[1]), words: told[2] ?? '' }
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

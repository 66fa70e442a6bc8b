import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const PATCHES = fileURLToPath(new URL('breakages/', import.meta.url))

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The core and the simulator in a directory of their own, with a patch applied. */
export class BrokenCopy {
  readonly #directory: string

  /** @throws Error when the patch no longer fits the core */
  constructor(patch: string) {
    this.#directory = mkdtempSync(join(tmpdir(), 'roundtable-breakage-'))
    for (const part of ['src', 'test/simulation', 'package.json']) {
      cpSync(join(ROOT, part), join(this.#directory, part), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(this.#directory, 'node_modules'))
    // Outside of any repository `git apply` is a plain patch tool.
    const applied = spawnSync('git', ['apply', '--unidiff-zero', join(PATCHES, patch)], {
      cwd: this.#directory,
      env: { ...env, GIT_CEILING_DIRECTORIES: dirname(this.#directory) },
      encoding: 'utf8',
    })
    if (applied.status === 0) return
    this.remove()
    throw new Error(`${patch} no longer fits the core, renew it: ${applied.stderr}`)
  }

  /** Runs seeds on the broken core. @param settings environment of `npm run simulate` */
  simulate(settings: Readonly<Record<string, string>>, timeoutMs: number): Ran {
    return this.run('test/simulation/run.ts', settings, timeoutMs)
  }

  /** @param script a path from the top of the project */
  run(script: string, settings: Readonly<Record<string, string>>, timeoutMs: number): Ran {
    return spawnSync(execPath, [script], {
      cwd: this.#directory,
      env: { ...env, ...settings },
      encoding: 'utf8',
      timeout: timeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    })
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

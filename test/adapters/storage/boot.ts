/** Opens a data directory and begins a life in it, as a daemon does that finds nothing to refuse. */
import { type DataDirectory, openDataDirectory } from '../../../src/adapters/storage/data-directory.ts'

export interface BootOptions {
  readonly wallMs?: number
  /** What is done between the two. */
  readonly first?: (directory: string) => Promise<void>
}

export async function bootIn(path: string, { wallMs, first }: BootOptions = {}) {
  const directory: DataDirectory = await openDataDirectory(path)
  try {
    await first?.(directory.path)
    return { ...directory, ...(await directory.countBoot(wallMs)) }
  } catch (error) {
    await directory.close()
    throw error
  }
}

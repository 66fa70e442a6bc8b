import { randomBytes } from 'node:crypto'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'

/** 256 bits from the operating system: what libp2p takes as a pre-shared key. */
export async function run({ json, terminal }: Call): Promise<number> {
  const clusterKey = randomBytes(32).toString('hex')
  terminal.out.write(`${json ? JSON.stringify({ clusterKey }) : clusterKey}\n`)
  return EXIT.ok
}

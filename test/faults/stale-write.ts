/** A write on purpose with a token that is not the newest: that nothing stale was accepted says nothing where none came. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Sign } from '../e2e/act-ledger.ts'
import { monotonicMs } from './started.ts'

/** Who wrote for somebody else. */
export type Claimed = Pick<Sign, 'key' | 'token' | 'node'>

/** One that is older than any that the register accepted for a key; undefined: it accepted none. */
export function olderThanAny(signs: readonly Sign[]): Claimed | undefined {
  const accepted = signs.filter(({ event, accepted: ok }) => ok && event !== 'gone')
  const { key, node } = accepted[0] ?? {}
  if (key === undefined || node === undefined) return undefined
  const tokens = accepted.filter(sign => sign.key === key).map(({ token }) => BigInt(token))
  const least = tokens.reduce((least, token) => (token < least ? token : least))
  return { key, node, token: String(least - 1n) }
}

/** Writes as that one did; the pid tells whose it is. Whether the register accepted it. */
export async function writtenAs(socket: string, { key, token, node }: Claimed): Promise<boolean> {
  const register = connect(socket)
  await once(register, 'connect')
  const answered = once(createInterface({ input: register }), 'line')
  const sign = { event: 'act', at: monotonicMs(), key, token, node, pid: process.pid }
  register.write(`${JSON.stringify(sign)}\n`)
  const [line] = await answered
  register.end()
  return (JSON.parse(String(line)) as { accepted: boolean }).accepted
}

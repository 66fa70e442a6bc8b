/** What an error of a dial means. `refused` is evidence of death, so nothing but ECONNREFUSED may become it. */
import type { DialResult } from '../../node/machine.ts'
import type { Wire } from './wire.ts'

export type DialFailure = Extract<DialResult, { ok: false }>

/** How far the dial had come. */
export interface DialProgress {
  /** The socket, once connected. */
  readonly wire: Wire | undefined
  /** Encrypted, and the other end has shown its key. */
  readonly secured: boolean
  /** This side's time limit ran out. */
  readonly timedOut: boolean
  readonly hasClusterKey: boolean
}

const UNREACHABLE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EACCES', 'EPERM'])

export function explainFailure(error: unknown, progress: DialProgress): DialFailure {
  if (nameOf(error) === 'InvalidPeerIdError') return failure('self', 'the address is this node itself')
  if (nameOf(error) === 'ConnectionInterceptedError') {
    return failure('failed', 'expected a peer on the allow list, got one that is not on it')
  }
  if (progress.wire === undefined) return beforeConnected(error, progress)
  return progress.secured ? afterHandshake(error, progress) : duringHandshake(error, progress, progress.wire)
}

function beforeConnected(error: unknown, progress: DialProgress): DialFailure {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return failure('refused', 'expected a connection, got ECONNREFUSED')
  if (UNREACHABLE.has(code)) return failure('unreachable', `expected a connection, got ${code}`)
  if (progress.timedOut || code === 'ETIMEDOUT') {
    return failure('timeout', 'expected a connection, got no answer in time')
  }
  return failure('failed', `expected a connection, got ${textOf(error)}`)
}

/**
 * With another cluster key, or a key on one side only, both ends see noise and one of them closes or both wait. Some
 * bytes and no handshake is therefore the sign of a wrong key or of another program; no bytes at all, of a frozen one.
 */
function duringHandshake(error: unknown, progress: DialProgress, wire: Wire): DialFailure {
  if (progress.timedOut && wire.bytesRead === 0) {
    return failure('timeout', 'expected a handshake, got a connection that stays silent')
  }
  const answered = wire.bytesRead > 0 || wire.foreign
  if (answered || progress.hasClusterKey) {
    return failure(
      'wrong-key',
      `expected a handshake with ${progress.hasClusterKey ? "this node's cluster key" : 'no cluster key'}, got ${
        answered ? 'bytes that are none' : 'a closed connection'
      } (another key, or no roundtable daemon): ${textOf(error)}`,
    )
  }
  return failure(
    'failed',
    `expected a handshake, got a closed connection (too busy, stopping, or another program)`,
  )
}

function afterHandshake(error: unknown, progress: DialProgress): DialFailure {
  if (nameOf(error) === 'UnsupportedProtocolError') {
    return failure(
      'other-cluster',
      "expected a node of this cluster, got one that does not speak this cluster's protocol",
    )
  }
  if (progress.timedOut) return failure('timeout', 'expected the link to open, got no answer in time')
  return failure(
    'failed',
    `expected the link to open, got a closed connection (its allow list may not name this node): ${textOf(error)}`,
  )
}

/** Of several addresses behind one name: what to tell when none answered. `refused` only when all of them did. */
export function worstFailure(failures: readonly DialFailure[]): DialFailure {
  const order = [
    'wrong-key',
    'other-cluster',
    'failed',
    'timeout',
    'unreachable',
    'unresolvable',
    'refused',
    'self',
  ]
  const [worst] = [...failures].sort((a, b) => order.indexOf(a.reason) - order.indexOf(b.reason))
  return worst ?? failure('unresolvable', 'expected at least one address, got none')
}

export function failure(reason: DialFailure['reason'], detail: string): DialFailure {
  return { ok: false, reason, detail }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function textOf(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 200)
}

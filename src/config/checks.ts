/** What options demand of each other. Each rule is only asked when all the values it reads are valid by themselves. */
import { isLoopbackHost } from '../adapters/http/config.ts'
import type { Problem } from '../base/errors.ts'
import { CLOCK_RATE_MARGIN, type PrefixMode } from '../grants/config.ts'
import { TICK_MS } from '../node/machine.ts'
import { HIDDEN, show } from './show.ts'

export type Values = ReadonlyMap<string, unknown>

interface Rule {
  /** The values it reads; a problem is shown at the first. */
  readonly keys: readonly [string, ...string[]]
  /** What should hold, in words. */
  readonly expected: string
  readonly holds: (...values: readonly unknown[]) => boolean
  /** What was found instead. Default: the first two values. */
  readonly got?: (...values: readonly unknown[]) => string
}

/** `a` at least (or above) `factor` times `b`. */
function ordered(a: string, relation: '>=' | '>', b: string, factor = 1): Rule {
  const times = factor === 1 ? '' : `${factor} times `
  return {
    keys: [a, b],
    expected: `${relation === '>' ? 'more than' : 'at least'} ${times}${b}`,
    holds: (x, y) =>
      y === undefined ||
      (relation === '>' ? Number(x) > factor * Number(y) : Number(x) >= factor * Number(y)),
  }
}

const WILDCARDS = ['0.0.0.0', '::']

/** Would the two listeners want the same port of the same address? */
function collide(hostA: unknown, portA: unknown, hostB: unknown, portB: unknown): boolean {
  if (portA !== portB || portA === 0) return false
  return hostA === hostB || WILDCARDS.includes(String(hostA)) || WILDCARDS.includes(String(hostB))
}

/**
 * What runs is fenced half a second before its lease ends (`FENCE_MS` in `tasks/execution.ts`). With less than this beside
 * that, for one renewal that is lost and the round trip of the next, everything would be stopped at each of them.
 */
export const LEASE_SPARE_MS = 750

const NEEDS_VOTERS =
  'available where neither expectedNodes nor voters says who votes; set expectedNodes to the number of nodes'

const named = (expectedNodes: unknown, voters: unknown): boolean =>
  expectedNodes !== undefined || (Array.isArray(voters) && voters.length > 0)

const asksForQuorum = (modes: unknown): boolean =>
  Array.isArray(modes) && (modes as readonly PrefixMode[]).some(each => each.mode === 'quorum')

/** Of the options `mode`, `modes`, `expectedNodes` and `voters`. */
const usesQuorum = (mode: unknown, modes: unknown, expectedNodes: unknown, voters: unknown): boolean =>
  mode === 'quorum' || (mode === undefined && named(expectedNodes, voters)) || asksForQuorum(modes)

const inBoth = (types?: unknown, modules?: unknown): readonly string[] =>
  (types as readonly string[]).filter(type => Object.hasOwn(modules as object, type))

const RULES: readonly Rule[] = [
  {
    keys: ['http.writeToken', 'http.host'],
    expected: 'a token (or http.writeTokenFile), since http.host is no loopback address',
    holds: (token, host) => token !== undefined || isLoopbackHost(String(host)),
  },
  {
    keys: ['http.readToken', 'http.writeToken'],
    expected: 'a token other than http.writeToken, or none',
    holds: (read, write) => read === undefined || read !== write,
  },
  {
    keys: ['http.writeToken', 'http.readToken', 'http.host'],
    expected: 'a token (or http.writeTokenFile) beside http.readToken: who may not read could write else',
    // Elsewhere it is needed in any case, and missed above.
    holds: (write, read, host) => write !== undefined || read === undefined || !isLoopbackHost(String(host)),
  },
  {
    keys: ['http.port', 'transport.host', 'transport.port', 'http.host'],
    expected: 'a port other than transport.port',
    holds: (httpPort, transportHost, transportPort, httpHost) =>
      !collide(httpHost, httpPort, transportHost, transportPort),
  },
  ordered('membership.silenceMsMin', '>', 'membership.heartbeatIntervalMs'),
  ordered('membership.silenceMsMin', '>=', 'membership.probeIntervalMs', 3),
  ordered('membership.silenceMsMax', '>=', 'membership.silenceMsMin'),
  ordered('membership.silenceMsMin', '>=', 'membership.secondConnectionMs'),
  ordered('membership.silenceMsMin', '>', 'membership.lateMs'),
  {
    keys: ['membership.lateMs'],
    expected: `more than one tick (${TICK_MS} ms)`,
    holds: late => Number(late) > TICK_MS,
  },
  ordered('membership.holdMsLarge', '>=', 'membership.holdMsSmall'),
  ordered('membership.redialMsMax', '>=', 'membership.redialMsMin'),
  ordered('membership.tombstoneMs', '>', 'membership.redialMsMax'),
  ordered('tasks.backoffMsMax', '>=', 'tasks.backoffMs'),
  {
    keys: ['mode', 'expectedNodes', 'voters'],
    expected: NEEDS_VOTERS,
    holds: (mode, expected, voters) => mode !== 'quorum' || named(expected, voters),
  },
  {
    keys: ['modes', 'expectedNodes', 'voters'],
    expected: NEEDS_VOTERS,
    holds: (modes, expected, voters) => !asksForQuorum(modes) || named(expected, voters),
  },
  {
    // With fewer holders a change would count on fewer disks, and nobody would say so.
    keys: ['tasks.durability', 'ring.replicas', 'mode', 'modes', 'expectedNodes', 'voters'],
    expected: 'at most ring.replicas in quorum mode: so many nodes hold a record at all',
    holds: (durability, replicas, ...modes) =>
      Number(durability) <= Number(replicas) || !usesQuorum(modes[0], modes[1], modes[2], modes[3]),
  },
  ordered('membership.membersMax', '>=', 'expectedNodes'),
  {
    keys: ['grants.leaseMs', 'grants.renewMs'],
    expected: `at least 3 times grants.renewMs, and ${LEASE_SPARE_MS} ms more than twice of it`,
    holds: (lease, renew) => Number(lease) >= 2 * Number(renew) + Math.max(LEASE_SPARE_MS, Number(renew)),
  },
  {
    keys: ['grants.promiseMs', 'grants.leaseMs'],
    expected: 'at least 1.1/0.9 times grants.leaseMs (clocks may run 10 % too slow or too fast)',
    holds: (promise, lease) => Number(promise) >= Number(lease) * CLOCK_RATE_MARGIN,
  },
  ordered('http.bodyBytesMax', '>=', 'tasks.payloadBytesMax'),
  {
    keys: ['executors.claim.types', 'executors.modules'],
    expected: 'types without a module: a type is carried out by clients or by a module',
    holds: (...values) => inBoth(...values).length === 0,
    got: (...values) => `${inBoth(...values).join(', ')}, which executors.modules has, too`,
  },
  ordered('membership.membersMax', '>=', 'tasks.minMembers'),
]

const SECRETS = ['http.writeToken', 'http.readToken']

/** @param invalid keys whose own value is already reported */
export function crossChecks(values: Values, invalid: ReadonlySet<string>): readonly Problem[] {
  const broken = RULES.filter(rule => {
    if (rule.keys.some(key => invalid.has(key))) return false
    return !rule.holds(...rule.keys.map(key => values.get(key)))
  })
  return broken.map(rule => ({ at: rule.keys[0], expected: rule.expected, got: gotOf(rule, values) }))
}

function gotOf(rule: Rule, values: Values): string {
  if (rule.got !== undefined) return rule.got(...rule.keys.map(key => values.get(key)))
  const shown = rule.keys.slice(0, 2).map(key => {
    const value = values.get(key)
    return SECRETS.includes(key) && value !== undefined ? HIDDEN : show(value)
  })
  return rule.keys.length === 1 ? `${shown[0]}` : `${shown[0]} (${rule.keys[1]} is ${shown[1]})`
}

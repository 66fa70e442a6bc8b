/**
 * Requests and answers of one step to one node go in few frames. A batch of a thousand tasks would else be a thousand
 * frames to write, read and check, and their answers as many.
 */
import type { NodeId } from '../base/ids.ts'
import type { TasksEffect } from './effects.ts'
import { jsonBytes } from './json.ts'
import type { Forward, ForwardReply } from './messages.ts'

/** Of one frame: requests or answers, and their bytes, unless a single one is larger. A link takes 1 MiB. */
export const GROUP_MAX = 1_000
export const GROUP_BYTES_MAX = 512 * 1024

type Send = Extract<TasksEffect, { kind: 'send' }>
type Single = Forward | ForwardReply

/** The same effects; what is grouped stands where the first of its group stood. */
export function grouped(effects: TasksEffect[]): TasksEffect[] {
  const groups = new Map<string, Send[]>()
  for (const effect of effects) {
    const name = groupOf(effect)
    if (name === undefined) continue
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [effect as Send])
    else group.push(effect as Send)
  }
  if (![...groups.values()].some(({ length }) => length > 1)) return effects
  return effects.flatMap(effect => {
    const name = groupOf(effect)
    const group = name === undefined ? undefined : groups.get(name)
    if (group === undefined) return [effect]
    return group[0] === effect ? framesOf(group) : []
  })
}

function groupOf(effect: TasksEffect): string | undefined {
  if (effect.kind !== 'send') return undefined
  const { type } = effect.message
  return type === 'forward' || type === 'forward-reply' ? `${type} ${effect.to}` : undefined
}

function framesOf(group: readonly Send[]): Send[] {
  const frames: Send[] = []
  let singles: Single[] = []
  let bytes = 0
  const [{ to }] = group as readonly [Send]
  const close = () => {
    if (singles.length > 0) frames.push(frameOf(to, singles))
    singles = []
    bytes = 0
  }
  for (const { message } of group) {
    const size = group.length === 1 ? 0 : bytesOf(message as Single)
    if (singles.length === GROUP_MAX || bytes + size > GROUP_BYTES_MAX) close()
    singles.push(message as Single)
    bytes += size
  }
  close()
  return frames
}

/** What the fields of a task may take that are not counted one by one; a character of a key takes six bytes at most. */
const FIELDS_BYTES = 2_048
const KEY_CHAR_BYTES = 6
const HOLDER_BYTES = 132

/** Not less than it takes on the wire, without writing most of them out a second time. */
function bytesOf(single: Single): number {
  if (single.type === 'forward') {
    const { request } = single
    if (request.kind !== 'submit') return jsonBytes(single)
    return FIELDS_BYTES + KEY_CHAR_BYTES * request.spec.key.length + jsonBytes(request.spec.payload)
  }
  const { reply } = single
  if (!reply.ok || reply.record.attempts.length > 0 || reply.record.result !== undefined)
    return jsonBytes(single)
  const { spec, holders } = reply.record
  const fixed = FIELDS_BYTES + KEY_CHAR_BYTES * spec.key.length + HOLDER_BYTES * holders.length
  return fixed + jsonBytes(spec.payload)
}

function frameOf(to: NodeId, singles: readonly Single[]): Send {
  const [first] = singles
  if (singles.length === 1 && first !== undefined) return { kind: 'send', to, message: first }
  const forwards = singles.filter(single => single.type === 'forward')
  if (forwards.length > 0) {
    const untyped = forwards.map(({ id, hops, request }) => ({ id, hops, request }))
    return { kind: 'send', to, message: { type: 'forwards', forwards: untyped } }
  }
  const replies = singles.filter(single => single.type === 'forward-reply')
  const untyped = replies.map(({ id, reply }) => ({ id, reply }))
  return { kind: 'send', to, message: { type: 'forward-replies', replies: untyped } }
}

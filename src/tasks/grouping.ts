/**
 * Requests and answers of one step to one node go in few frames. A batch of a thousand tasks would else be a thousand
 * frames to write, read and check, and their answers as many.
 */
import type { NodeId } from '../base/ids.ts'
import type { TasksEffect } from './effects.ts'
import { jsonBytes } from './json.ts'
import type { Forward, ForwardReply } from './messages.ts'
import { recordBytes, specBytes } from './record-bytes.ts'

/** Of one frame: requests or answers, and their bytes, unless a single one is larger. A link takes 1 MiB. */
export const GROUP_MAX = 1_000
export const GROUP_BYTES_MAX = 512 * 1024

/** A request or an answer without its task: an id, and a few words. */
const ENVELOPE_BYTES = 512

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

/** Not less than it takes on the wire. */
function bytesOf(single: Single): number {
  if (single.type === 'forward') {
    const { request } = single
    return request.kind === 'submit' ? ENVELOPE_BYTES + specBytes(request.spec) : jsonBytes(single)
  }
  const { reply } = single
  return reply.ok ? ENVELOPE_BYTES + recordBytes(reply.record) : jsonBytes(single)
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

import type { Look, LookReply, TaskLinkMessage } from '../tasks/messages.ts'
import type { ScheduleLinkMessage } from '../tasks/schedules/messages.ts'
import type { LinkMessage } from './machine.ts'

const TASK_MESSAGES: ReadonlySet<LinkMessage['type']> = new Set<TaskLinkMessage['type']>([
  'forward',
  'forward-reply',
  'forwards',
  'forward-replies',
  'survey',
  'survey-reply',
  'replicate',
  'replicated',
  'inventory',
  'inventory-reply',
  'compare',
  'compared',
])

/** Is it for the tasks? */
export function isTaskMessage(message: LinkMessage): message is TaskLinkMessage {
  return TASK_MESSAGES.has(message.type)
}

/** Is it about an attempt of another node? */
export const isLook = (message: LinkMessage): message is Look | LookReply =>
  message.type === 'look' || message.type === 'look-reply'

/** Is it about the list of all schedules? */
export const isListing = (message: LinkMessage): message is ScheduleLinkMessage =>
  message.type === 'schedules-ask' || message.type === 'schedules-tell'

/** Is it any of these? */
export const isRoomMessage = (
  message: LinkMessage,
): message is TaskLinkMessage | Look | LookReply | ScheduleLinkMessage =>
  isTaskMessage(message) || isLook(message) || isListing(message)

import type { TaskLinkMessage } from '../tasks/messages.ts'
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
])

/** Is it for the tasks? */
export function isTaskMessage(message: LinkMessage): message is TaskLinkMessage {
  return TASK_MESSAGES.has(message.type)
}

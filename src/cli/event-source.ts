/** Server-sent events as they come over the wire: pieces of text in, events out (HTML Standard, 9.2). */
import type { EventQuery } from '../adapters/http/event-query.ts'

type EventType = NonNullable<EventQuery['types']> extends ReadonlySet<infer T extends string> ? T : never

const TYPES = {
  member: true,
  ring: true,
  owner: true,
  task: true,
  grant: true,
  node: true,
} satisfies Record<EventType, true>

/** The types of events that a node has. */
export const EVENT_TYPES: readonly string[] = Object.keys(TYPES)

export interface SentEvent {
  /** Name after `event:`. */
  readonly name: string
  readonly body: string
  /** Id of the last event so far, this one included; what to come back with. */
  readonly lastId: string | undefined
}

/** An event longer than this is none of ours, in characters. */
const EVENT_LENGTH_MAX = 4 * 1_024 * 1_024

/**
 * @param moved told each id as it comes: a block without data is no event, but may move the place to come back to
 * @throws Error when what comes is no event at all
 */
export async function* eventsIn(
  pieces: AsyncIterable<string>,
  moved: (lastId: string) => void = () => undefined,
): AsyncGenerator<SentEvent> {
  let rest = ''
  let lastId: string | undefined
  for await (const piece of pieces) {
    const blocks = (rest + piece).replaceAll('\r\n', '\n').split('\n\n')
    rest = blocks.pop() ?? ''
    if (rest.length > EVENT_LENGTH_MAX)
      throw new Error(`an event of more than ${EVENT_LENGTH_MAX} characters`)
    for (const block of blocks) {
      const fields = fieldsOf(block)
      const id = fields.get('id')
      if (id !== undefined) moved(id)
      lastId = id ?? lastId
      const body = fields.get('data')
      if (body !== undefined) yield { name: fields.get('event') ?? 'message', body, lastId }
    }
  }
}

/** Lines that begin with a colon are comments; several lines of data are one text. */
function fieldsOf(block: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const [, name, value = ''] = /^([a-z]+)(?:: ?(.*))?$/.exec(line) ?? []
    if (name === undefined) continue
    const before = fields.get(name)
    fields.set(name, name === 'data' && before !== undefined ? `${before}\n${value}` : value)
  }
  return fields
}

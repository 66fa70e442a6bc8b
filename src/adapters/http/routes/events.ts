import { EVENT_TYPES } from '../../../runtime/events.ts'
import { parseEventQuery } from '../event-query.ts'
import { sendProblem } from '../problem.ts'
import type { Route } from '../route.ts'

const STREAM_TYPE = 'text/event-stream'

const HEADERS = {
  'content-type': `${STREAM_TYPE}; charset=utf-8`,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // nginx would keep events back to fill its buffers.
  'x-accel-buffering': 'no',
}

/** What happens, as it happens. */
export const events: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/events',
    access: 'read',
    summary:
      'What this node sees happen, as server-sent events: the lines of its log from level info up. `event:` is the type, ' +
      '`data:` an Event, `id:` which life of the node (boot number and a random part) and a count, as in `3.8f02ac-17`. ' +
      'A client that sends the last id that it has as `Last-Event-ID` goes on where it was; `gap` says that something in ' +
      'between is lost and by its `reason` why (`too-old`: no longer kept; `other-boot`: the id is of another life; ' +
      '`ahead`: no event has this number yet) and goes on with the oldest event kept that the client has not had; `cut-off` ' +
      'that the client read too slowly and must come back, `end` that the node stops. Events of tasks are kept apart from ' +
      'all others, so a flood of them pushes nothing else out; a client is told of a loss only where a type that it asked ' +
      'for is concerned, and `lost` then counts all events that are gone, whatever their types. Lines that begin with a ' +
      'colon only keep the connection awake.',
    query: {
      types: {
        schema: { type: 'string' },
        doc: `Only these types, with commas between: ${EVENT_TYPES.join(', ')}. \`owner\` needs \`key\`.`,
      },
      key: {
        schema: { type: 'array', items: { type: 'string' } },
        doc: 'May be repeated. Says at once who owns the key, and again whenever its owner, whether this node may act for it, or its fencing token changes. Sent without an id: the state is said anew after each connect.',
      },
      after: { schema: { type: 'string' }, doc: 'As Last-Event-ID; `start` for everything that is kept.' },
      follow: {
        schema: { type: 'boolean', default: true },
        doc: 'false: what is kept (after `after`), and then the end.',
      },
    },
    responses: { 200: { doc: 'The stream.', type: STREAM_TYPE } },
    errors: ['OVERLOADED'],
    handle: (face, request, reply) => {
      const last = request.headers['last-event-id']
      const id = typeof last === 'string' ? last : undefined
      const query = parseEventQuery(request.query, id, face.limits.eventKeysMax)
      if (!face.streams.admits()) {
        const detail = `${face.limits.eventStreamsMax} clients follow events already.`
        return sendProblem(reply, face.counters, { code: 'OVERLOADED', detail, retryAfterS: 1 })
      }
      if (request.method === 'HEAD') return reply.headers(HEADERS).send()
      reply.hijack()
      reply.raw.writeHead(200, HEADERS)
      face.streams.open(query, reply.raw)
      return reply
    },
  },
]

import { PAGE_POLICY, page } from '../page.ts'
import { type Route, sendJson } from '../route.ts'

/** What people and tools read about the API. `document` makes the OpenAPI description, which lists this route as well. */
export const documents = (document: () => object): readonly Route[] => [
  {
    method: 'GET',
    path: '/openapi.json',
    access: 'open',
    summary: 'This description.',
    responses: { 200: { doc: 'An OpenAPI 3.1 document.', type: 'application/json' } },
    errors: [],
    handle: (_face, _request, reply) => sendJson(reply, document()),
  },
  {
    method: 'GET',
    path: '/',
    access: 'open',
    summary: 'A page that shows members, ring and tasks. It holds no data itself: it asks the API.',
    responses: { 200: { doc: 'The page.', type: 'text/html' } },
    errors: [],
    handle: (_face, _request, reply) =>
      reply
        .header('content-type', 'text/html; charset=utf-8')
        .header('content-security-policy', PAGE_POLICY)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .header('cache-control', 'no-cache')
        .send(page()),
  },
]

import { CodedError } from '../../../base/errors.ts'
import { keyOf } from '../path-parameter.ts'
import { parameterOf, type Route, sendJson } from '../route.ts'

const keyParameter = {
  name: 'key',
  doc: 'Any text of 1 to 1,024 bytes of UTF-8. Slashes may be sent as they are or percent-encoded.',
}

/** What this node believes: all of it local, no network. */
export const cluster: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/status',
    access: 'read',
    summary: 'This node in one page: phase, readiness, members, ring, tasks.',
    responses: { 200: { doc: 'The status.', schema: 'Status' } },
    errors: [],
    handle: (face, _request, reply) => sendJson(reply, face.node.status()),
  },
  {
    method: 'GET',
    path: '/v1/members',
    access: 'read',
    summary: 'All members this node knows, with its opinion of each.',
    responses: { 200: { doc: 'The members.', schema: 'Members' } },
    errors: [],
    handle: (face, _request, reply) => sendJson(reply, { members: face.node.members() }),
  },
  {
    method: 'GET',
    path: '/v1/members/{id}',
    access: 'read',
    summary: 'One member, and the ledger of why it is believed to be what it is.',
    parameter: { name: 'id', doc: 'Its node id.' },
    responses: { 200: { doc: 'The member.', schema: 'MemberWithLedger' } },
    errors: ['MEMBER_UNKNOWN'],
    handle: (face, request, reply) => {
      const member = face.node.member(parameterOf(request))
      if (member === undefined)
        throw new CodedError('MEMBER_UNKNOWN', 'See /v1/members for those that are known here.')
      return sendJson(reply, member)
    },
  },
  {
    method: 'GET',
    path: '/v1/ring',
    access: 'read',
    summary: 'The ring: its checksum, its members and the share of the keys that each owns.',
    responses: { 200: { doc: 'The ring.', schema: 'Ring' } },
    errors: [],
    handle: (face, _request, reply) => sendJson(reply, face.node.ring()),
  },
  {
    method: 'GET',
    path: '/v1/owner/{key}',
    access: 'read',
    summary:
      'Which node owns this key? `owner` is null while the ring is empty: this node has not joined, or every member is cordoned.',
    parameter: keyParameter,
    responses: { 200: { doc: 'The owner.', schema: 'Owner' } },
    errors: [],
    handle: (face, request, reply) => {
      const answer = face.node.owner(keyOf(parameterOf(request)))
      return sendJson(reply, answer.owner === undefined ? { ...answer, owner: null } : answer)
    },
  },
  {
    method: 'GET',
    path: '/v1/explain/{key}',
    access: 'read',
    summary:
      'How the owner of this key was found, who agrees, its owners so far, and its tasks known here. `owner` is null while nobody owns a key, and `unowned` says why.',
    parameter: keyParameter,
    responses: { 200: { doc: 'The explanation.', schema: 'Explanation' } },
    errors: ['NOT_READY'],
    handle: (face, request, reply) => {
      const explanation = face.node.explain(keyOf(parameterOf(request)))
      if (explanation === undefined) throw new CodedError('NOT_READY', 'The ring has no members yet.')
      return sendJson(reply, { ...explanation, owner: explanation.owner ?? null })
    },
  },
]

import { CodedError } from '../../../base/errors.ts'
import { asNodeId, NODE_ID_PATTERN, type NodeId } from '../../../base/ids.ts'
import { type BodyField, readBody } from '../body-fields.ts'
import { type Route, sendJson } from '../route.ts'
import { CONTROL_ERRORS } from '../route-errors.ts'
import { carryOut } from './operator.ts'

/** Names in a voter list at most. */
const NAMES_MAX = 64

const readName = (value: unknown): NodeId | undefined =>
  typeof value === 'string' && NODE_ID_PATTERN.test(value) ? asNodeId(value) : undefined

const nodeField: BodyField<NodeId, true> = { expected: 'a node id', read: readName, required: true }

const namesField: BodyField<readonly NodeId[], true> = {
  expected: `a list of 1 to ${NAMES_MAX} different node ids`,
  read: value => {
    if (!Array.isArray(value) || value.length === 0 || value.length > NAMES_MAX) return undefined
    const names = value.map(readName).filter(name => name !== undefined)
    return new Set(names).size === value.length ? names.sort() : undefined
  },
  required: true,
}

const confirmField: BodyField<string, true> = {
  expected: 'the name of the cluster',
  read: value => (typeof value === 'string' ? value : undefined),
  required: true,
}

const changed = {
  200: { doc: 'The change is made, or under way; `detail` says which.', schema: 'Done' },
} as const
const changeErrors: Route['errors'] = ['VOTERS_UNCHANGED', ...CONTROL_ERRORS]

/** Who decides in quorum mode, and changing it. */
export const voters: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/voters',
    access: 'read',
    summary: 'The voters as this node knows them, and where it stands with the right to act.',
    responses: { 200: { doc: 'The voters.', schema: 'Voters' } },
    errors: [],
    handle: (face, _request, reply) => {
      const { mode, grants } = face.node.status()
      return sendJson(reply, { mode, ...grants })
    },
  },
  {
    method: 'POST',
    path: '/v1/voters/add',
    access: 'write',
    summary: 'One voter more, by a quorum of the old list and of the new one.',
    body: { schema: 'VoterChange', required: true },
    responses: changed,
    errors: changeErrors,
    handle: (face, request, reply) => {
      const { node } = readBody(request.body, { node: nodeField })
      return carryOut(face, reply, { kind: 'voter-add', node: node })
    },
  },
  {
    method: 'POST',
    path: '/v1/voters/remove',
    access: 'write',
    summary: 'One voter less, by a quorum of the old list and of the new one.',
    body: { schema: 'VoterChange', required: true },
    responses: changed,
    errors: changeErrors,
    handle: (face, request, reply) => {
      const { node } = readBody(request.body, { node: nodeField })
      return carryOut(face, reply, { kind: 'voter-remove', node: node })
    },
  },
  {
    method: 'POST',
    path: '/v1/voters/reset',
    access: 'write',
    summary:
      'The last resort when a quorum of voters is lost for good: these are the voters now. Two nodes may act for one key ' +
      'if any of the lost ones still runs. Living members and present voters may be named, of which this node hears more than half, or half with the lowest name. ' +
      'Nodes that hear of it follow; asking each of them does no harm.',
    body: { schema: 'VotersReset', required: true },
    responses: changed,
    errors: ['CONFIRMATION_NEEDED', ...changeErrors],
    handle: (face, request, reply) => {
      const { names, confirm } = readBody(request.body, { names: namesField, confirm: confirmField })
      const { cluster } = face.node.status()
      if (confirm !== cluster) {
        const detail = `Expected the name of the cluster in \`confirm\`, ${JSON.stringify(cluster)}.`
        throw new CodedError('CONFIRMATION_NEEDED', detail)
      }
      return carryOut(face, reply, { kind: 'voters-reset', names })
    },
  },
]

import { nodeMetrics } from '../node/metrics.ts'
import type { Node } from '../node/node.ts'
import {
  answerOwner,
  explanationOf,
  memberOf,
  memberViews,
  ownerOf,
  ringView,
  statusOf,
  workOf,
} from '../node/views.ts'
import type { Driver } from './driver.ts'
import type { Clock, Executors, NodeFace, Store, Transport } from './ports.ts'

/** What HTTP and the embedding API see of a running node. */
export function createFace(parts: {
  node: Node
  driver: Driver
  clock: Clock
  transport: Transport
  store: Store
  executors: Executors
  /** A leave without a deadline of its own gets this one. */
  leaveMs: number
}): NodeFace {
  const { node, driver, clock, transport, store, executors, leaveMs } = parts
  return {
    nodeId: node.init.nodeId,
    status: () => statusOf(node, clock.now()),
    members: () => memberViews(node, clock.now().mono),
    member: id => memberOf(node, id, clock.now().mono),
    ring: () => ringView(node),
    owner: key => answerOwner(node, key, clock.now()),
    lookAtOwner: key => ownerOf(node, key, clock.now()),
    ownersVersion: () => `${node.ring.checksum} ${node.right.version}`,
    explain: key => explanationOf(node, key),
    tasks: query => node.tasks.page(query),
    request: request => driver.request(request),
    look: async request => {
      if (request.node !== node.init.nodeId) return await driver.look(request)
      const look = await executors.look(request.task, request.attempt, request.logBytes)
      return { ok: true, ...(look && { look }) }
    },
    report: (address, report) => executors.report(address, report),
    requestAll: requests => driver.requestAll(requests),
    survey: question => driver.survey(question),
    listSchedules: query => driver.listSchedules(query),
    nextSlot: node.tasks.schedules.nextSlot,
    control: request => driver.control(request),
    work: () => workOf(node),
    newTaskId: wish => node.newTaskId(clock.now(), wish),
    async leave(deadlineMs = leaveMs) {
      driver.enqueue({ kind: 'leave', deadlineMs })
      await driver.left
    },
    metrics: () => [
      ...nodeMetrics(node, clock.now()),
      ...driver.metrics(),
      ...transport.metrics(),
      ...store.metrics(),
      ...executors.metrics(),
    ],
  }
}

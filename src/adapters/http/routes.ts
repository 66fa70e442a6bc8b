/** The table of all routes, and the only one. */
import { openApi } from './openapi.ts'
import type { Route } from './route.ts'
import { cluster } from './routes/cluster.ts'
import { documents } from './routes/documents.ts'
import { events } from './routes/events.ts'
import { leave } from './routes/leave.ts'
import { metrics } from './routes/metrics.ts'
import { operator } from './routes/operator.ts'
import { probes } from './routes/probes.ts'
import { schedules } from './routes/schedules.ts'
import { tasks } from './routes/tasks.ts'
import { voters } from './routes/voters.ts'

let document: object | undefined

export const ROUTES: readonly Route[] = [
  ...probes,
  ...metrics,
  ...cluster,
  ...tasks,
  ...schedules,
  ...leave,
  ...operator,
  ...voters,
  ...events,
  ...documents(() => {
    document ??= openApi(ROUTES)
    return document
  }),
]

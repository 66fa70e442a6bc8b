/** The table of all routes, and the only one. */
import { openApi } from './openapi.ts'
import type { Route } from './route.ts'
import { attempts } from './routes/attempts.ts'
import { claims } from './routes/claims.ts'
import { cluster } from './routes/cluster.ts'
import { dead } from './routes/dead.ts'
import { documents } from './routes/documents.ts'
import { events } from './routes/events.ts'
import { leave } from './routes/leave.ts'
import { metrics } from './routes/metrics.ts'
import { operator } from './routes/operator.ts'
import { orders } from './routes/orders.ts'
import { probes } from './routes/probes.ts'
import { schedules } from './routes/schedules.ts'
import { stats } from './routes/stats.ts'
import { tasks } from './routes/tasks.ts'
import { voters } from './routes/voters.ts'

let document: object | undefined

export const ROUTES: readonly Route[] = [
  ...probes,
  ...metrics,
  ...cluster,
  ...attempts,
  ...tasks,
  ...orders,
  ...dead,
  ...stats,
  ...claims,
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

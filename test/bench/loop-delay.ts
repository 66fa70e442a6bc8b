/** The delay of a daemon's event loop, as its metrics show it: that since the scrape before. */
import { setTimeout as pause } from 'node:timers/promises'
import { metricOf } from './metric-of.ts'

const NAME = 'nodejs_eventloop_lag_p99_seconds'

/** The first scrape begins to measure, and shows nothing; one sample comes every 10 ms. */
const SAMPLE_MS = 10
const SCRAPES_MAX = 100

/** @throws when it is not there */
export const loopDelayP99Ms = (metrics: string): number => 1_000 * metricOf(metrics, NAME)

/** Scrapes until the delay is shown, or for about a second: whoever looks for it then hears that it is not there. */
export async function scrapedWithDelay(scrape: () => Promise<string>): Promise<string> {
  for (let tries = 1; ; tries++) {
    const metrics = await scrape()
    if (metrics.includes(NAME) || tries === SCRAPES_MAX) return metrics
    await pause(SAMPLE_MS)
  }
}

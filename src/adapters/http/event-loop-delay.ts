/**
 * The delay of the event loop since the last scrape, under the names that dashboards for Node.js know.
 *
 * prom-client has these too, but reads its histogram whether or not there is a sample in it: the first scrape, and any
 * that comes sooner than one sample after another, then shows NaN and 2^63 nanoseconds. Here such a scrape shows what the
 * one before it did, and nothing when there was none.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metric } from '../../node/status.ts'

/** Time between two samples, in ms. It is part of what is measured: a loop without delay shows about this. */
const RESOLUTION_MS = 10

const SERIES: readonly (readonly [name: string, help: string, read: (found: Found) => number])[] = [
  ['min', 'The minimum recorded event loop delay.', found => found.min],
  ['max', 'The maximum recorded event loop delay.', found => found.max],
  ['mean', 'The mean of the recorded event loop delays.', found => found.mean],
  ['stddev', 'The standard deviation of the recorded event loop delays.', found => found.stddev],
  ['p50', 'The 50th percentile of the recorded event loop delays.', found => found.percentile(50)],
  ['p90', 'The 90th percentile of the recorded event loop delays.', found => found.percentile(90)],
  ['p99', 'The 99th percentile of the recorded event loop delays.', found => found.percentile(99)],
]

/** A histogram with something in it; all of it is in ns. */
type Found = ReturnType<typeof monitorEventLoopDelay>

export class EventLoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #shown: readonly Metric[] = []

  constructor() {
    this.#histogram.enable()
  }

  /** Seconds; empty before the first sample. */
  metrics(): readonly Metric[] {
    if (this.#histogram.count > 0) {
      this.#shown = SERIES.map(([name, help, read]) => ({
        name: `nodejs_eventloop_lag_${name}_seconds`,
        help,
        type: 'gauge',
        samples: [{ value: read(this.#histogram) / 1e9 }],
      }))
      this.#histogram.reset()
    }
    return this.#shown
  }
}

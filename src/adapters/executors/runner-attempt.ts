/** What the runner can do to whatever it runs, a command or a module. Every end of it comes as a report. */
export interface RunnerAttempt {
  /** Begins it. */
  start(): void
  /** Not started: its deadline is too near. */
  refuse(): void
  /** Stops it: it is told, and killed a little later. */
  stop(cause: 'timeout' | 'killed' | 'fenced'): void
  /** When it has to be dead; whoever keeps the time says so with `stop` and `cutOff`. */
  extend(deadlineMs: number | null): void
  /** Kills all of it, at once: its deadline is here. */
  cutOff(): void
  /** Kills it, now, without a report. For the end of the runner. */
  destroy(): void
  /** Reports what it has printed so far. */
  look(): void
  /** Does its own process live? */
  readonly alive: boolean
}

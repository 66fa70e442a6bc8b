/** File descriptor of the runner's socket to the daemon: standard input and output stay unused, error is for crashes. */
export const CHANNEL_FD = 3

/** Name of the lock in the data directory that the runner holds until every command of it is dead. */
export const RUNNER_LOCK = 'runner-lock'

/** Environment variable of the runner itself that bears its mark; what it runs does not inherit it. */
export const RUNNER_VARIABLE = 'ROUNDTABLE_RUNNER'

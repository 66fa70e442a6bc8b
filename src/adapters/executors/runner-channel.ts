/** File descriptor of the runner's socket to the daemon: standard input and output stay unused, error is for crashes. */
export const CHANNEL_FD = 3

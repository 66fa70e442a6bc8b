/** The local API. */
export interface HttpConfig {
  /** Any other than a loopback address needs `writeToken` (and, for reads, `readToken` or `writeToken`). */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly readToken: string | undefined
  readonly writeToken: string | undefined
  /** Bodies above this are answered with BODY_TOO_LARGE. */
  readonly bodyBytesMax: number
}

export const httpDefaults = (): HttpConfig => ({
  host: '127.0.0.1',
  port: 7373,
  readToken: undefined,
  writeToken: undefined,
  bodyBytesMax: 1024 * 1024,
})

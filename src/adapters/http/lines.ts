/** Cuts a body into lines, holding no more of it than one line. */

/** Is this the type of a body with one JSON value a line? */
export const isLines = (contentType: string | undefined): boolean =>
  /^application\/x-ndjson\s*(?:;|$)/i.test(contentType ?? '')

export interface Line {
  /** From 1; empty lines count. */
  readonly number: number
  /** Absent: it is longer than allowed. */
  readonly bytes?: Buffer
}

const NEWLINE = 0x0a

/**
 * The lines that each piece of the body completes; the last need not end with a newline. Empty ones are left out.
 * @param bytesMax of one line; the rest of a longer one is read and dropped
 */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<readonly Line[]> {
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 1
  /** Ends the line that is held. */
  const close = (rest: Buffer): Line | undefined => {
    const bytes = heldBytes + rest.length
    const whole = bytes > bytesMax ? undefined : heldBytes === 0 ? rest : Buffer.concat([...held, rest])
    held = []
    heldBytes = 0
    const line = { number: number++, ...(whole && { bytes: whole }) }
    return whole !== undefined && isBlank(whole) ? undefined : line
  }
  for await (const chunk of body) {
    const piece = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const lines: Line[] = []
    let from = 0
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
      const line = close(piece.subarray(from, at))
      if (line !== undefined) lines.push(line)
      from = at + 1
    }
    const rest = piece.subarray(from)
    // Of a line that is too long only its length is kept.
    if (heldBytes + rest.length <= bytesMax) held.push(rest)
    else held = []
    heldBytes += rest.length
    if (lines.length > 0) yield lines
  }
  const last = heldBytes > 0 ? close(Buffer.alloc(0)) : undefined
  if (last !== undefined) yield [last]
}

const isBlank = (bytes: Buffer): boolean =>
  bytes.every(byte => byte === 0x20 || byte === 0x09 || byte === 0x0d)

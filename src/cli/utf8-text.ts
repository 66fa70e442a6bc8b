/**
 * The text that these bytes are in UTF-8, without a byte order mark. Undefined when they are no UTF-8: read all the same, with
 * a mark in place of what cannot be read, something else would be handed in than was written.
 */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined // the only error of a decoder
  }
}

import { crc32 } from 'node:zlib'

/** Checksum of a row: key and value together, so that a value under another's key is seen too. */
export const sumOf = (key: string, value: string): number => crc32(value, crc32(key))

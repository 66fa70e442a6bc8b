import type { Random } from '../base/random.ts'

/** 64 bits: two disks of one node have one name once in four thousand million losses. */
export const diskName = (random: Random): string =>
  [random.uint32(), random.uint32()].map(part => part.toString(16).padStart(8, '0')).join('')

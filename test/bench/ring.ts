/**
 * Owner lookups and build time of the ring against bare hashring (its own MD5 calls, its own cache of 5,000 answers),
 * with 8, 32 and 100 members. `node test/bench/ring.ts [--json] [--seconds=0.5]`
 *
 * Two kinds of keys: `fresh`, never asked before, and `hot`, 1,000 keys over and over, which hashring's cache favours.
 */
import { parseArgs } from 'node:util'
import HashRing from 'hashring'
import { asNodeId } from '../../src/base/ids.ts'
import { buildRing } from '../../src/ring/build-ring.ts'
import { ringDefaults } from '../../src/ring/config.ts'

interface Row {
  readonly members: number
  readonly what: string
  readonly ours: number
  readonly bare: number
  /** How many times as good as bare hashring; above 1 is better. */
  readonly ratio: number
}

interface Side {
  build(salt: number): unknown
  owner(key: string): string | undefined
}

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seconds: { type: 'string', default: '0.5' } },
})
const spanMs = Number(values.seconds) * 1_000
const config = ringDefaults()

const names = (members: number, salt: number): readonly string[] =>
  Array.from({ length: members }, (_, i) => `node-${salt}-${i}`)

function oursSide(members: number): Side {
  const make = (salt: number) =>
    buildRing(
      names(members, salt).map(name => ({ id: asNodeId(name), weight: 1 })),
      config,
    )
  const ring = make(0)
  return { build: make, owner: key => ring.owner(key) }
}

function bareSide(members: number): Side {
  const make = (salt: number) => new HashRing([...names(members, salt)], 'md5', { 'vnode count': 100 })
  const ring = make(0)
  return { build: make, owner: key => ring.get(key) }
}

/** Calls of `once` a second. A new argument each call: nothing measured here may come out of a cache by accident. */
function rate(once: (i: number) => unknown): number {
  const start = performance.now()
  let calls = 0
  let sink = 0
  do {
    for (let i = 0; i < 16; i++) if (once(calls++) === undefined) sink++
  } while (performance.now() - start < spanMs)
  if (sink > 0) throw new Error('a call found nothing')
  return (calls / (performance.now() - start)) * 1_000
}

let salt = 0
const measures: readonly (readonly [what: string, measure: (side: Side) => number])[] = [
  ['builds a second', side => rate(() => side.build(++salt))],
  ['owner lookups a second, fresh keys', side => rate(i => side.owner(`fresh/${salt}/${i}`))],
  ['owner lookups a second, 1,000 hot keys', side => rate(i => side.owner(`hot/${i % 1_000}`))],
]

function compare(members: number): Row[] {
  const ours = oursSide(members)
  const bare = bareSide(members)
  return measures.map(([what, measure]) => {
    measure(ours) // warm both before either counts
    measure(bare)
    const [a, b] = [measure(ours), measure(bare)]
    return { members, what, ours: a, bare: b, ratio: a / b }
  })
}

const rows = [8, 32, 100].flatMap(compare)
if (values.json) console.log(JSON.stringify({ bench: 'ring', node: process.version, rows }))
else {
  console.log('| members | what | ours | bare hashring | ratio |\n|---|---|---|---|---|')
  for (const { members, what, ours, bare, ratio } of rows) {
    const round = (x: number): string => Math.round(x).toLocaleString('en')
    console.log(`| ${members} | ${what} | ${round(ours)} | ${round(bare)} | ${ratio.toFixed(2)} |`)
  }
}

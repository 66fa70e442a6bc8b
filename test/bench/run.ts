/**
 * All benchmarks, one after the other: `npm run bench`, or `npm run bench -- ring owner` for some. Each prints its figures
 * beside a peer's of the same run.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const benches = ['ring', 'owner', 'store', 'side-by-side'] as const

const asked = process.argv.slice(2)
const unknown = asked.filter(name => !benches.some(bench => bench === name))
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; there are ${benches.join(', ')}`)
  process.exit(2)
}
for (const name of benches.filter(bench => asked.length === 0 || asked.includes(bench))) {
  console.log(`\n# ${name}`)
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

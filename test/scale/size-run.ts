/** One size of `run.ts`, in a process of its own: so its memory is its own, and the heap may be as large as it must. */
import { argv, cpuUsage, memoryUsage, resourceUsage, stderr, stdout } from 'node:process'
import { type TrialInit, trial } from './trial.ts'

const init = JSON.parse(argv[2] ?? '') as TrialInit
const begun = performance.now()
const outcome = trial({
  ...init,
  report: what => {
    const spent = ((performance.now() - begun) / 1_000).toFixed(0)
    stderr.write(
      `${init.size} nodes, after ${spent} s (${(memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB): ${what}\n`,
    )
  },
})
const { user, system } = cpuUsage()
const used = { cpuSeconds: (user + system) / 1e6, rssMiB: resourceUsage().maxRSS / 1_024 }
stdout.write(JSON.stringify({ ...outcome, ...used }))

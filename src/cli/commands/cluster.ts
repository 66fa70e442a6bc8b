/**
 * The main job: a whole cluster on this machine, real work for it, and a judgement of what came out.
 *
 * Whatever happens in between (a failure, Ctrl-C, an error of our own), the daemons are stopped and what was made for
 * them is removed: everything after their start runs inside one `try`.
 */

import { joinBooks, readBook } from '../cluster/books.ts'
import { type Havoc, wreak } from '../cluster/chaos.ts'
import { Fleet } from '../cluster/fleet.ts'
import { keepUp } from '../cluster/keep.ts'
import { linesOf, verify, writeLines } from '../cluster/manifest.ts'
import { type ClusterOptions, clusterOptions } from '../cluster/options.ts'
import { Progress } from '../cluster/progress.ts'
import { prepare, type Setup } from '../cluster/setup.ts'
import { describe, type Findings, type Summary, summarise } from '../cluster/summary.ts'
import { inAgreement, isFinished, type Sample, Watch } from '../cluster/watch.ts'
import type { Call } from '../command.ts'
import { EXIT } from '../exit-code.ts'
import type { Terminal } from '../terminal.ts'

export async function run({ values, json, terminal }: Call): Promise<number> {
  const options = clusterOptions(values)
  const { interrupted, killed, err, out } = terminal
  const progress = new Progress(json && !err.isTerminal ? undefined : err)
  const setup = await prepare(options)
  try {
    const fleet = await Fleet.plan({ nodes: options.nodes, ...setup }, interrupted)
    try {
      interrupted.addEventListener('abort', () => progress.say('stopping the daemons'), { once: true })
      const summary = await work({ options, setup, fleet, progress, terminal })
      progress.end()
      out.write(json ? `${JSON.stringify(summary)}\n` : describe(summary))
      if (options.keep) await keepUp(fleet, setup, terminal, json)
      return summary.ok ? EXIT.ok : EXIT.failed
    } finally {
      await fleet.stop(killed)
    }
  } finally {
    await setup.remove()
  }
}

interface Scene {
  readonly options: ClusterOptions
  readonly setup: Setup
  readonly fleet: Fleet
  readonly progress: Progress
  readonly terminal: Terminal
}

/** From nothing to the summary. */
async function work(scene: Scene): Promise<Summary> {
  const { options, setup, fleet, progress, terminal } = scene
  let tasks: number | undefined
  const watch = new Watch(fleet, {
    signal: terminal.interrupted,
    deadlineMs: options.timeoutMs,
    onSample: sample => progress.show(sample, tasks),
  })
  progress.say(`starting ${options.nodes} daemons; their logs are in ${setup.directory}`)
  await fleet.start()
  tasks = setup.files?.length ?? Math.max(...fleet.processes.map(({ listTasks }) => listTasks))
  const total = tasks
  let startMs = watch.elapsedMs
  const say = (text: string) => progress.say(text)
  const havoc = options.chaos ? await wreak(fleet, watch, total, terminal.interrupted, say) : undefined
  if (!options.chaos) {
    await watch.until('the start', inAgreement)
    startMs = watch.elapsedMs
  }
  const sample = await watch.until('the job', found => isFinished(found, total))
  return summarise({ ...(await judge(scene, sample, havoc)), tasks: total, startMs })
}

/** Reads the books, writes the results, compares them. */
async function judge(
  { options, setup, fleet, terminal }: Scene,
  sample: Sample,
  havoc: Havoc | undefined,
): Promise<Omit<Findings, 'tasks' | 'startMs'>> {
  // Who ran it tells how; how it ended is for its owner to say.
  const scopes = ['ran', 'owned'] as const
  const read = fleet.plans.flatMap(plan => scopes.map(scope => readBook(fleet.client(plan), scope)))
  const books = await Promise.all(read)
  const stories = joinBooks([...books, ...(havoc === undefined ? [] : [havoc.book])])
  const { files, sha256sum } = setup
  if (files === undefined) {
    const lines = [...stories.values()].map(({ record }) => JSON.stringify(record))
    await writeLines(options.manifest, lines)
    return {
      sample,
      stories,
      havoc,
      manifest: { path: options.manifest, lines: lines.length },
      verdict: undefined,
    }
  }
  if (sha256sum === undefined) return { sample, stories, havoc, manifest: undefined, verdict: undefined }
  const lines = linesOf(files, stories)
  const written = lines.filter(line => line !== undefined)
  await writeLines(options.manifest, written)
  const verdict = await verify(sha256sum, files, lines, terminal.interrupted)
  return { sample, stories, havoc, manifest: { path: options.manifest, lines: written.length }, verdict }
}

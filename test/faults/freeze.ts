/** Ten seconds of SIGSTOP: what acts without its daemon, and what acts once it is awake again. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Sign } from '../e2e/act-ledger.ts'
import type { Member } from './fleet.ts'
import {
  commandsOf,
  DEAD_MS,
  daemonClaims,
  daemonSeen,
  type Freeze,
  LEASE_MS,
  startsOf,
  type TreeSeen,
  takenKeys,
  treeClaims,
  treeSeen,
} from './freeze-judges.ts'
import { excessMs, type Report } from './report.ts'
import type { Scene } from './scene.ts'
import { writtenAs } from './stale-write.ts'
import { lives, monotonicMs, treeOf, until } from './started.ts'

const FROZEN_MS = 10_000

/** After waking: time in which what must not happen would. */
const AFTER_MS = 5_000

/** And so long at most until it starts something: keys have to come back to it first. */
const START_MS = 20_000

/** The daemon alone: its runner has to stop what it runs, and the applications have to stop themselves. */
export async function frozenDaemon(scene: Scene, report: Report, repeats: number): Promise<void> {
  const earlier: ReturnType<typeof daemonSeen>[] = []
  const play = async (turn: number) => {
    const victim = busiest(scene, turn)
    const commands = commandsUnderWay(scene, victim).length
    const stopped = monotonicMs()
    victim.started.child.kill('SIGSTOP')
    await pause(FROZEN_MS)
    const freeze: Freeze = { node: victim.name, stopped, woken: monotonicMs() }
    victim.started.child.kill('SIGCONT')
    await pause(AFTER_MS)
    await until(() => startsOf(scene.collector.signs, freeze).length > 0, START_MS)
    return daemonSeen(scene.collector.signs, freeze, commands)
  }
  const trials = await scene.machine.trials(repeats, play, {
    ...scene.trials(report),
    excess: ({ last }) => ({ ms: excessMs(last, LEASE_MS / 1_000) }),
    again: seen => earlier.push(seen),
  })
  report.tell(daemonClaims(trials, earlier, repeats))
}

/** All of it: what wakes is behind the times, and must die before it does harm. */
export async function frozenTree(scene: Scene, report: Report, repeats: number): Promise<void> {
  const earlier: TreeSeen[] = []
  const play = async (turn: number) => {
    const victim = busiest(scene, turn)
    const commands = commandsUnderWay(scene, victim)
    const tree = treeOf(victim.started.pid)
    const stopped = monotonicMs()
    for (const pid of tree) process.kill(pid, 'SIGSTOP')
    await pause(FROZEN_MS)
    const freeze: Freeze = { node: victim.name, stopped, woken: monotonicMs() }
    // Those below first: they write before anybody can stop them.
    for (const pid of tree.toReversed()) process.kill(pid, 'SIGCONT')
    const dead = await until(() => !commands.some(({ pid }) => lives(pid)), AFTER_MS, freeze.woken)
    await pause(AFTER_MS)
    const seen = treeSeen(scene.collector.signs, freeze, commands, dead)
    return { ...seen, ...(await writtenAgain(scene, freeze, commands)) }
  }
  const trials = await scene.machine.trials(repeats, play, {
    ...scene.trials(report),
    excess: ({ dead }) => ({ ms: excessMs(dead, DEAD_MS / 1_000) }),
    again: seen => earlier.push(seen),
  })
  report.tell(treeClaims(trials, earlier, repeats))
}

/** What woke may be dead before it writes anything: so what it could have written is written for it. */
async function writtenAgain({ collector }: Scene, freeze: Freeze, commands: readonly Sign[]) {
  const taken = commands.filter(({ key }) => takenKeys(collector.signs, freeze, commands).has(key))
  const accepted: boolean[] = []
  for (const command of taken) accepted.push(await writtenAs(collector.socket, command))
  return { offered: accepted.length, denied: accepted.filter(ok => !ok).length }
}

const commandsUnderWay = (scene: Scene, { name }: Member): readonly Sign[] =>
  commandsOf(scene.collector.signs, name, scene.commandKeys)

/** The one with the most commands, another one each time as far as there are. */
function busiest(scene: Scene, turn: number): Member {
  const running = new Map(
    scene.fleet.members.map(member => [member, commandsUnderWay(scene, member).length] as const),
  )
  const busy = [...running]
    .filter(([, commands]) => commands > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([member]) => member)
  const victim = busy[turn % Math.max(1, Math.min(3, busy.length))]
  if (victim === undefined) throw new Error('no node runs a command')
  return victim
}

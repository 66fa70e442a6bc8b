/** Ten seconds of SIGSTOP: what acts without its daemon, and what acts once it is awake again. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Sign, staleAccepted } from '../e2e/act-ledger.ts'
import type { Member } from './fleet.ts'
import { excessMs, type Report } from './report.ts'
import type { Scene } from './scene.ts'
import { lives, monotonicMs, treeOf, until } from './started.ts'

const FROZEN_MS = 10_000

/** After waking: time in which what must not happen would. */
const AFTER_MS = 5_000

/** A right to act lasts so long without its renewal. */
const LEASE_MS = 2_000

/** From SIGCONT to the death of every command. */
export const DEAD_MS = 100

/** One that says nothing for longer is frozen and does nothing: far more than between two signs, far less than a freeze. */
export const SILENCE_MS = 500

/** The daemon alone: its runner has to stop what it runs, and the applications have to stop themselves. */
export async function frozenDaemon(scene: Scene, report: Report, repeats: number): Promise<void> {
  const early: number[] = []
  const play = async (turn: number) => {
    const victim = busiest(scene, turn)
    const commands = commandsOf(scene, victim).length
    const stopped = monotonicMs()
    victim.started.child.kill('SIGSTOP')
    await pause(FROZEN_MS)
    const last = scene.lastSign([victim.host], stopped)
    const woken = monotonicMs()
    victim.started.child.kill('SIGCONT')
    await pause(AFTER_MS)
    early.push(startsWithoutNewLeave(scene, victim, woken).length)
    return { commands, last }
  }
  const excess = ({ last }: { last: number }) => ({ ms: last - LEASE_MS })
  const trials = await scene.machine.trials(repeats, play, { ...scene.trials(report), excess })
  const [commands, last] = [trials.map(trial => trial.commands), trials.map(trial => trial.last)]
  report.count('SIGSTOP for 10 s of the daemon alone: commands it ran', commands, { least: 1 })
  report.seconds('the last sign of anybody who acted there', last, { most: LEASE_MS / 1_000 })
  report.count('starts after SIGCONT without a newer token than any before', early, { most: 0 })
}

/** All of it: what wakes is behind the times, and must die before it does harm. */
export async function frozenTree(scene: Scene, report: Report, repeats: number): Promise<void> {
  const taken: number[] = []
  const refused: number[] = []
  const stale: number[] = []
  const play = async (turn: number) => {
    const victim = busiest(scene, turn)
    const signs = commandsOf(scene, victim)
    const tree = treeOf(victim.started.pid)
    const stopped = monotonicMs()
    for (const pid of tree) process.kill(pid, 'SIGSTOP')
    await pause(FROZEN_MS)
    const keys = new Set(signs.map(({ key }) => key))
    const others = (sign: Sign): boolean => keys.has(sign.key) && sign.node !== victim.name
    taken.push(
      new Set(
        scene.collector
          .between(stopped)
          .filter(others)
          .map(({ key }) => key),
      ).size,
    )
    const woken = monotonicMs()
    // Those below first: they write before anybody can stop them.
    for (const pid of tree.toReversed()) process.kill(pid, 'SIGCONT')
    const dead = await until(() => !signs.some(({ pid }) => lives(pid)), AFTER_MS, woken)
    await pause(AFTER_MS)
    const late = scene.collector
      .between(woken)
      .filter(sign => signs.some(({ actor }) => actor === sign.actor))
    refused.push(late.filter(({ event, accepted }) => event !== 'gone' && !accepted).length)
    stale.push(staleAccepted(scene.collector.signs).filter(({ at }) => at >= stopped).length)
    return dead
  }
  const excess = (ms: number | null) => ({ ms: excessMs(ms, DEAD_MS / 1_000) })
  const dead = await scene.machine.trials(repeats, play, { ...scene.trials(report), excess })
  report.count('SIGSTOP for 10 s of the whole tree: keys of its commands that others took', taken, {
    least: 1,
  })
  report.milliseconds('its commands are dead after SIGCONT', dead, { most: DEAD_MS })
  report.count('stale writes that the register accepted', stale, { most: 0 })
  report.count('stale writes that it refused', refused)
}

/** The commands under way on that node, each by the sign that began it. */
function commandsOf(scene: Scene, { name }: Member): readonly Sign[] {
  const mine = scene.collector.signs.filter(
    ({ node, key }) => node === name && scene.commandKeys.includes(key),
  )
  const ended = new Set(
    mine.filter(({ event }) => event === 'gone' || event === 'stop').map(({ actor }) => actor),
  )
  return mine.filter(({ event, actor }) => event === 'start' && !ended.has(actor))
}

/** The one with the most commands, another one each time as far as there are. */
function busiest(scene: Scene, turn: number): Member {
  const busy = scene.fleet.members
    .filter(member => commandsOf(scene, member).length > 0)
    .toSorted((a, b) => commandsOf(scene, b).length - commandsOf(scene, a).length)
  const victim = busy[turn % Math.max(1, Math.min(3, busy.length))]
  if (victim === undefined) throw new Error('no node runs a command')
  return victim
}

function startsWithoutNewLeave(scene: Scene, { name }: Member, woken: number): readonly Sign[] {
  const highest = new Map<string, bigint>()
  for (const { key, token } of scene.collector.between(Number.NEGATIVE_INFINITY, woken)) {
    const known = highest.get(key)
    if (known === undefined || BigInt(token) > known) highest.set(key, BigInt(token))
  }
  return scene.collector
    .between(woken)
    .filter(sign => sign.node === name && sign.event === 'start')
    .filter(({ key, token }) => BigInt(token) <= (highest.get(key) ?? 0n))
}

/**
 * Keys that change hands while everybody is well: whoever obeys `actingUntilMs` may use it to its end, although the key
 * has a new owner by then.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Member } from './fleet.ts'
import { excessMs, type Report } from './report.ts'
import type { Scene } from './scene.ts'
import { monotonicMs, start, until } from './started.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/roundtable', import.meta.url))

const WAIT_MS = 15_000

const HANDOFF_S = 5

/** Before each order, so that it comes at any point between two questions of the applications. */
const STEP_MS = 1_000

/** A node is cordoned, and gets its keys again: twice they change hands, with no fault anywhere. */
export async function handoff(scene: Scene, report: Report, repeats: number): Promise<void> {
  const play = async (turn: number) => {
    const victim = scene.fleet.member(2 + ((turn * 3) % (scene.fleet.members.length - 1)))
    const others = scene.fleet.members.filter(member => member !== victim).map(({ host }) => host)
    const away = await scene.allActedFor(others, await order(scene, victim, 'cordon'), WAIT_MS)
    const since = await order(scene, victim, 'uncordon')
    const back = await until(() => scene.collector.keysOf(victim.name).length > 0, WAIT_MS, since)
    return { away, back }
  }
  const trials = await scene.machine.trials(repeats, play, {
    excess: seen => ({ ms: Math.max(...Object.values(seen).map(ms => excessMs(ms, HANDOFF_S))) }),
    say: text => report.again(text),
    prepare: () => scene.ready(),
  })
  const [away, back] = [trials.map(trial => trial.away), trials.map(trial => trial.back)]
  report.seconds('a node is cordoned: the others act for every key', away, { most: HANDOFF_S })
  report.seconds('and uncordoned: it acts again', back, { most: HANDOFF_S })
}

/** As an operator gives it; the time at which it was done. */
async function order(
  { hosts, directory }: Scene,
  { host }: Member,
  what: 'cordon' | 'uncordon',
): Promise<number> {
  await pause(STEP_MS + Math.random() * STEP_MS)
  const line = hosts.on(host, PROGRAM, [what, '--url', 'http://127.0.0.1:7373'])
  const { child, ended } = start(...line, { log: join(directory, 'orders.log') })
  await ended
  if (child.exitCode !== 0) throw new Error(`${what} on host ${host} ended with ${child.exitCode}`)
  return monotonicMs()
}

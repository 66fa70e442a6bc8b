/**
 * Disks that are lost after others were, once what those had lies on as many others again. What is promised is that `copies - 1`
 * disks may be lost before that is confirmed, not that so few are lost in all; so these are no excuse for anything.
 *
 * It is confirmed when the voters say so: each has settled its notes since the last disk was lost, as it does when all members
 * have done their part under one ring (`src/grants/notes.ts`), and knows the disks that came in place of the lost ones.
 */
import type { Random } from '../../src/base/random.ts'
import type { StoredNotes, VoterList } from '../../src/grants/messages.ts'
import type { Cluster } from './cluster.ts'
import type { Fault } from './fault.ts'
import type { Tally } from './tally.ts'
import type { Host } from './world.ts'

/** The first is tried so long after the last loss that was drawn, and the last so long before the quiet, in ms. */
const AFTER_MS = 1_500
const BEFORE_MS = 4_000

type SecondLoss = Extract<Fault, { kind: 'lose-again' }>

const isLoss = (fault: Fault): boolean => fault.kind === 'start' && fault.disk !== 'kept'

/** Instants at which a disk is lost if that is confirmed by then. None where no disk is lost before. */
export function drawSecondLosses(
  random: Random,
  faults: readonly Fault[],
  nodes: number,
  until: number,
): SecondLoss[] {
  const last = faults
    .filter(isLoss)
    .reduce((latest, { at }) => Math.max(latest, at), Number.NEGATIVE_INFINITY)
  const losses: SecondLoss[] = []
  if (!Number.isFinite(last)) return losses
  for (let at = last + AFTER_MS; at < until - BEFORE_MS; at += random.between(500, 2_500)) {
    const disk = random.chance(0.5) ? 'lost' : 'lost-but-key'
    losses.push({ at, kind: 'lose-again', host: random.below(nodes), disk, ms: random.between(200, 2_000) })
  }
  return losses
}

/** Is all that the lost disks had known to lie on as many others? False where none was lost. */
export function isConfirmed(hosts: readonly Pick<Host, 'name' | 'disk'>[]): boolean {
  const lost = hosts.filter(({ disk }) => disk.wipes > 0)
  const voters = hosts.find(({ disk }) => votersOn(disk) !== undefined)
  const names = voters && votersOn(voters.disk)?.names
  if (lost.length === 0 || names === undefined) return false
  return names.every(name => {
    const notes = hosts
      .find(host => host.name === name)
      ?.disk.rows('grants')
      .get('notes')
    return notes !== undefined && hasSettled(notes as StoredNotes, lost)
  })
}

function votersOn(disk: Host['disk']): VoterList | undefined {
  const list = disk.rows('grants').get('voters') as VoterList | undefined
  return list !== undefined && list.version > 0 ? list : undefined
}

function hasSettled(
  { lost, rings, disks }: StoredNotes,
  replaced: readonly Pick<Host, 'name' | 'disk'>[],
): boolean {
  if (lost || rings.length !== 1) return false
  return replaced.every(({ name, disk }) => {
    const known = disks.find(({ node }) => node === name)
    return known?.born === true && known.disk === disk.rows('grants').get('disk')
  })
}

/** Loses the disk of a host, after a crash, and starts it anew. False when it is not confirmed, or nothing runs there. */
export function loseAgain(cluster: Cluster, host: Host, { ms, disk }: SecondLoss, tally: Tally): boolean {
  const { world } = cluster
  if (host.process === undefined || !isConfirmed(world.hosts)) return false
  const before = cluster.disksLost
  world.crash(host)
  world.queue.in(ms, () => {
    const { locked } = host.executor
    if (host.process !== undefined || host.startWaits || locked || host.disk.failing) return
    if (cluster.disksLost !== before) return
    cluster.lossesConfirmed = before
    world.wipe(host, disk === 'lost-but-key')
    tally.count('disks lost again')
    world.note(`what ${before} lost disks had is confirmed, and another is lost`)
    world.start(host)
  })
  return true
}

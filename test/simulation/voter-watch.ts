/**
 * The voter lists on all disks, from the outside. On a disk that is kept no older list follows a newer one; a list that
 * stands alone is the only one of its version, and differs by one name from the one before it; at the end all have one,
 * and no change is half made. Joint lists of one version may be several: only one of them is ever settled.
 */
import type { VoterList } from '../../src/grants/messages.ts'
import { distance } from '../../src/grants/voter-list.ts'
import type { Cluster } from './cluster.ts'
import type { Findings } from './findings.ts'
import type { Process } from './process.ts'
import type { Tally } from './tally.ts'
import type { Host } from './world.ts'

interface Seen {
  readonly list: VoterList
  readonly wipes: number
}

export class VoterWatch {
  readonly #cluster: Cluster
  readonly #findings: Findings
  readonly #tally: Tally
  /** What each disk had when it was looked at last. */
  readonly #seen = new Map<Host, Seen>()
  /** The list of each version that stands alone. */
  readonly #alone = new Map<number, VoterList>()

  constructor(cluster: Cluster, findings: Findings, tally: Tally) {
    this.#cluster = cluster
    this.#findings = findings
    this.#tally = tally
  }

  stepped({ host: index }: Pick<Process, 'host'>): void {
    const host = this.#cluster.world.hosts[index]
    const list = host && listOn(host)
    if (host === undefined || list === undefined) return
    const before = this.#seen.get(host)
    if (before?.list === list) return
    const { wipes } = host.disk
    this.#seen.set(host, { list, wipes })
    if (before?.wipes === wipes && list.version < before.list.version) {
      const detail = `has version ${list.version} after ${before.list.version}`
      this.#findings.fail('voter lists rise', host.name, detail)
    }
    if (list.version > 0) this.#checkList(host, list)
  }

  #checkList(host: Host, list: VoterList): void {
    if (list.previous !== undefined) {
      this.#checkStep(host, list, list.previous)
      const base = this.#alone.get(list.version - 1)
      if (base !== undefined && String(base.names) !== String(list.previous))
        this.#findings.fail(
          'one voter list a version',
          host.name,
          `${told(list)} is joint with another than ${told(base)}`,
        )
      return
    }
    const known = this.#alone.get(list.version)
    if (known === undefined) {
      this.#alone.set(list.version, list)
      const before = this.#alone.get(list.version - 2)
      if (before !== undefined) this.#checkStep(host, list, before.names)
      if (list.version > 1) this.#tally.count('voter lists changed')
    } else if (String(known.names) !== String(list.names))
      this.#findings.fail('one voter list a version', host.name, `${told(list)}, and ${told(known)}`)
  }

  #checkStep(host: Host, list: VoterList, before: VoterList['names']): void {
    if (distance(list.names, before) === 1) return
    this.#findings.fail('one voter at a time', host.name, `${told(list)} after ${before.join(',')}`)
  }

  checkEnd(): void {
    const running = this.#cluster.world.hosts.filter(host => host.process !== undefined)
    const lists = running.map(host => ({ host, list: listOn(host) }))
    const newest = Math.max(0, ...lists.map(({ list }) => list?.version ?? 0))
    for (const { host, list } of lists) {
      if (list?.previous === undefined && list?.version === newest) continue
      const detail = `has ${list === undefined ? 'none' : told(list)}, the newest is version ${newest}`
      this.#findings.fail('one voter list at the end', host.name, detail)
    }
  }
}

const listOn = ({ disk }: Host): VoterList | undefined =>
  disk.rows('grants').get('voters') as VoterList | undefined

const told = ({ version, names, previous }: VoterList): string =>
  `version ${version} ${names.join(',')}${previous === undefined ? '' : ` from ${previous.join(',')}`}`

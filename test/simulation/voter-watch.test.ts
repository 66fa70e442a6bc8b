import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asNodeId } from '../../src/base/ids.ts'
import type { VoterList } from '../../src/grants/messages.ts'
import { Cluster } from './cluster.ts'
import { Findings } from './findings.ts'
import { Tally } from './tally.ts'
import { VoterWatch } from './voter-watch.ts'

const HOSTS = 3

const listOf = (version: number, names: string, previous?: string): VoterList => ({
  version,
  names: names.split('').map(asNodeId),
  ...(previous !== undefined && { previous: previous.split('').map(asNodeId) }),
  fixed: true,
})

/** A disk comes to have this list; `wiped`: another disk than before. */
interface Comes {
  readonly host: number
  readonly list: VoterList
  readonly wiped?: true
}

/** What the watch says of these, one after the other. */
function said(comes: readonly Comes[]): string | undefined {
  const hosts = Array.from({ length: HOSTS }, () => ({ seeds: [] }))
  const cluster = new Cluster({ seed: 1, hosts, list: [] })
  const findings = new Findings(() => 0)
  const watch = new VoterWatch(cluster, findings, new Tally())
  for (const { host, list, wiped } of comes) {
    const at = cluster.world.hosts[host] ?? assert.fail(`no host ${host}`)
    if (wiped) at.disk.wipe()
    at.disk.apply([{ table: 'grants', key: 'voters', value: list }])
    watch.stepped({ host })
  }
  return findings.violation?.invariant
}

test('a change by one voter, by way of a joint list, is as it should be', () => {
  const change = [listOf(1, 'abc'), listOf(2, 'abcd', 'abc'), listOf(3, 'abcd')]
  assert.equal(said([0, 1, 2].flatMap(host => change.map(list => ({ host, list })))), undefined)
})

test('several joint lists of one version are no matter: one of them is settled', () => {
  const start = [0, 1].map(host => ({ host, list: listOf(1, 'abc') }))
  const joint = [
    { host: 0, list: listOf(2, 'ab', 'abc') },
    { host: 1, list: listOf(2, 'abcd', 'abc') },
  ]
  assert.equal(said([...start, ...joint]), undefined)
})

test('an older list on a disk that is kept is found, on a new disk it is not', () => {
  const newer: Comes = { host: 0, list: listOf(3, 'abcd') }
  const older: Comes = { host: 0, list: listOf(1, 'abc') }
  assert.equal(said([newer, older]), 'voter lists rise')
  assert.equal(said([newer, { ...older, wiped: true }]), undefined)
})

test('two lists of one version are found, and a joint list that comes from another', () => {
  const one: Comes = { host: 0, list: listOf(3, 'abcd') }
  assert.equal(said([one, { host: 1, list: listOf(3, 'ab') }]), 'one voter list a version')
  assert.equal(said([one, { host: 1, list: listOf(4, 'abc', 'ab') }]), 'one voter list a version')
})

test('a list that differs by two is found', () => {
  const first: Comes = { host: 0, list: listOf(1, 'abc') }
  assert.equal(said([first, { host: 1, list: listOf(2, 'a', 'abc') }]), 'one voter at a time')
  assert.equal(said([first, { host: 1, list: listOf(3, 'abcde') }]), 'one voter at a time')
})

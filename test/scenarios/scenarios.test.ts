/**
 * Golden transcripts of small clusters. When one fails, run with REWRITE=1 and read the difference; commit it only when
 * you understand what caused it.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { env } from 'node:process'
import { test } from 'node:test'
import { play } from './scenario.ts'

const HERE = new URL('.', import.meta.url)
const { REWRITE } = env

const files = readdirSync(HERE)
  .filter(name => name.endsWith('.txt'))
  .sort()

test('there is a transcript for every way in which a cluster changes', () => {
  assert.deepEqual(
    files.map(name => name.replace(/\.txt$/, '')),
    [
      'address-of-another-cluster',
      'bad-link',
      'cloned-before-start',
      'cloned-directory',
      'cordon',
      'drain',
      'dying-predecessor',
      'fast-clock',
      'forget',
      'freeze-and-thaw',
      'freeze-fenced',
      'grow-past-eleven',
      'halves-with-namesakes',
      'join-by-seed',
      'join-delay-first',
      'join-delay',
      'kill-trusted',
      'kill',
      'leave-hung',
      'leave-in-minority',
      'leave-in-partition',
      'leave-last',
      'leave',
      'lone-holder',
      'mass-new-keys',
      'mass-restart-moved',
      'minority-heals',
      'modes',
      'namesake-in-quorum',
      'partition-3-5',
      'renamed-behind-cut',
      'restart-moved',
      'same-address-new-name',
      'seeds-later',
      'simultaneous-start',
      'stale-state',
      'swapped-addresses',
      'two-holders-newcomer',
      'two-node-cut',
      'voter-lost-disk',
      'voters-change',
      'voters-reset',
      'whole-restart',
    ],
  )
})

for (const name of files) {
  test(`${name} goes as recorded`, () => {
    const file = new URL(name, HERE)
    const recorded = readFileSync(file, 'utf8')
    const played = play(recorded)
    if (REWRITE === '1') writeFileSync(file, played)
    else assert.equal(played, recorded)
  })
}

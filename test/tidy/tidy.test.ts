/** The rules of the house, held against the repository as it is on disk. `checks.test.ts` shows that they bite. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importFaults, PURE } from './import-table.ts'
import { privateFaults, readTexts, repositoryFiles, topFaults } from './places.ts'
import { purityFaults } from './purity.ts'
import { ENTRIES, reachFaults } from './reach.ts'
import { FILE_LINES_MAX, FUNCTION_LINES_MAX, sizeFaults } from './size.ts'
import { type Fault, readSources } from './sources.ts'
import { fileNameFaults, markFaults, nameFaults } from './words.ts'

const src = readSources('src')
const all = [...src, ...readSources('test')]
const paths = repositoryFiles()
const texts = readTexts(paths)

const none = (faults: readonly Fault[]): void => assert.equal(faults.join('\n'), '')

test('rooms import only what the table allows', () => none(importFaults(src)))

test('every file of src is reached from where the program starts', () => none(reachFaults(src, ENTRIES)))

test(`files have at most ${FILE_LINES_MAX} lines and functions ${FUNCTION_LINES_MAX}`, () =>
  none(sizeFaults(all)))

test('pure rooms have no clock, timer, chance, process or waiting', () => {
  const rooms = Object.keys(PURE).map(room => `src/${room}/`)
  none(purityFaults(src.filter(({ path }) => rooms.some(room => path.startsWith(room)))))
})

test('names say what things are for', () => {
  none(paths.flatMap(fileNameFaults))
  none(nameFaults(all))
})

test('nothing is left undone, silenced or switched off', () => none(markFaults(texts)))

test('the top of the repository holds exactly what belongs there', () => none(topFaults(paths)))

test('no file tells of the machine it was written on', () => none(privateFaults(texts)))

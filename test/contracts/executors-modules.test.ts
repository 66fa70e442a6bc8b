import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createExecutors } from '../../src/adapters/executors/executors.ts'
import { configOf, LogBook } from '../adapters/executors/scene.ts'
import { executorsContract } from './executors-contract.ts'

const directory = mkdtempSync(join(tmpdir(), 'roundtable-contract-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const path = join(directory, 'endless.mjs')
writeFileSync(
  path,
  'export default (_, { progress }) => { progress({ done: 1 }); console.log("begun"); for (;;); }',
)

executorsContract(
  'modules',
  () => {
    const module = { path, concurrency: 4, memoryBytes: 64 * 1024 * 1024, env: {} }
    return createExecutors({ config: configOf({ modules: { endless: module } }), logger: new LogBook() })
  },
  { type: 'endless', payload: null },
)

import { createExecutors } from '../../src/adapters/executors/executors.ts'
import { commandOf, configOf, LogBook } from '../adapters/executors/scene.ts'
import { executorsContract } from './executors-contract.ts'

executorsContract(
  'local executors',
  () => {
    const config = configOf({ commands: { sleep: commandOf('sleep') } })
    return createExecutors({ config, logger: new LogBook() })
  },
  { type: 'exec', payload: { command: 'sleep', args: ['600'] } },
)

/** Sections that are a part of the test suite: what they claim stands in the names of the tests. */
import { fileURLToPath } from 'node:url'
import { command } from './command.ts'
import { fact, type Section } from './line.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Suite extends Section {
  /** Files or patterns, from the top of the project. */
  readonly files: readonly string[]
}

/** Counted by the runner's own closing lines. A test that was skipped shows nothing. */
export function suite(
  name: string,
  files: readonly string[],
  secondsMax: number,
  cannot: Section['cannot'] = () => undefined,
): Suite {
  const run = async () => {
    const flags = ['--test', '--test-timeout=300000', '--test-reporter=tap']
    const ran = await command(process.execPath, [...flags, ...files.map(file => root + file)], secondsMax)
    const count = (word: string) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(ran.stdout)?.[1])
    const [passed, failed, skipped] = [count('pass'), count('fail'), count('skipped')]
    const text = `${passed} passed, ${failed} failed, ${skipped} skipped in ${ran.seconds.toFixed(0)} s`
    const holds = ran.code === 0 && failed === 0 && passed > 0
    return { shown: [fact(files.join(' '), holds, text)], raw: { passed, failed, skipped } }
  }
  return { name, files, cannot, run }
}

/** Sections that are a part of the test suite: what they claim stands in the names of the tests. */
import { fileURLToPath } from 'node:url'
import { command } from './command.ts'
import { fact, figure, type Section, type Shown } from './line.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Suite extends Section {
  /** Files or patterns, from the top of the project. */
  readonly files: readonly string[]
}

export interface SuiteOptions {
  readonly cannot?: Section['cannot']
  /** So many tests may be left out; default: none. */
  readonly skippedMax?: number
}

export function suite(
  name: string,
  files: readonly string[],
  secondsMax: number,
  { cannot = () => undefined, skippedMax = 0 }: SuiteOptions = {},
): Suite {
  const run = async () => {
    const flags = ['--test', '--test-timeout=300000', '--test-reporter=tap']
    const ran = await command(process.execPath, [...flags, ...files.map(file => root + file)], secondsMax)
    return { shown: suiteShown(files.join(' '), ran, skippedMax), raw: ran.stdout }
  }
  return { name, files, cannot, run }
}

/**
 * By the runner's own closing lines, and each test that failed, was left out, or said a figure. A test that was left out shows
 * nothing: then the whole claims nothing.
 */
export function suiteShown(
  claim: string,
  {
    code,
    stdout,
    seconds,
  }: { readonly code: number | null; readonly stdout: string; readonly seconds: number },
  skippedMax: number,
): readonly Shown[] {
  const count = (word: string) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(stdout)?.[1])
  const [passed, failed, skipped] = [count('pass'), count('fail'), count('skipped')]
  const text = `${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(0)} s`
  const good = code === 0 && failed === 0 && passed > 0
  const whole = skipped <= skippedMax
  const all = (pattern: RegExp): readonly string[] =>
    [...stdout.matchAll(pattern)].map(([, said = '']) => said.replaceAll('\\#', '#'))
  return [
    good && !whole ? figure(claim, `${text}: it shows nothing with tests left out`) : fact(claim, good, text),
    ...all(/^ *not ok \d+ - (.*)$/gm).map(said => figure('    it fails', said)),
    ...all(/^ *ok \d+ - (.* # SKIP.*)$/gm).map(said => figure('    left out', said)),
    // What a test measured, as it told it: `kind: so many of so many ms`.
    ...all(/^ *# (.*\d+ ms)$/gm).map(said => figure('    seen', said)),
  ]
}

/** Options for the fields of a task: those that one handed in has, and one of a schedule, too. */
import type { Problem } from '../base/errors.ts'
import { ATTEMPTS_ALLOWED_MAX, GROUP_LIMIT_MAX, TASK_MS_MAX } from '../tasks/spec.ts'
import { flag, type OptionTable, text, type Values, wholeNumber } from './command.ts'

/** @param of in front of each help: when they mean something */
export const taskOptions = (of = ''): OptionTable =>
  Object.fromEntries(
    Object.entries(OPTIONS).map(([name, option]) => {
      const help =
        of === '' ? option.help : `${of}${option.help.charAt(0).toLowerCase()}${option.help.slice(1)}`
      return [name, { ...option, help }]
    }),
  )

const OPTIONS: OptionTable = {
  priority: { type: 'string', value: '0..3', help: '0 runs first.' },
  'max-attempts': {
    type: 'string',
    value: 'N',
    help: `Attempts before it becomes a dead letter, to ${ATTEMPTS_ALLOWED_MAX}.`,
  },
  'timeout-ms': { type: 'string', value: 'MS', help: 'Time limit of one attempt, a day at most.' },
  'backoff-ms': { type: 'string', value: 'MS', help: 'First pause before a retry.' },
  'backoff-ms-max': { type: 'string', value: 'MS', help: 'Longest pause before a retry.' },
  backoff: {
    type: 'string',
    value: 'RULE',
    help: 'How the pause grows: exponential (unless told), fixed, none.',
  },
  group: { type: 'string', value: 'NAME', help: 'Counted together with others of this group.' },
  'group-limit': {
    type: 'string',
    value: 'N',
    help: 'Start only while fewer of the group run; without a key in the whole cluster.',
  },
  concurrent: { type: 'boolean', help: 'Others of its key that say the same may run beside it.' },
}

/** The fields that these options give. */
export function taskFields(values: Values, problems: Problem[]): Readonly<Record<string, unknown>> {
  const ms = (name: string, min: number) => wholeNumber(values, name, { min, max: TASK_MS_MAX }, problems)
  const fields = {
    priority: wholeNumber(values, 'priority', { min: 0, max: 3 }, problems),
    maxAttempts: wholeNumber(values, 'max-attempts', { min: 1, max: ATTEMPTS_ALLOWED_MAX }, problems),
    timeoutMs: ms('timeout-ms', 1),
    backoffMs: ms('backoff-ms', 0),
    backoffMsMax: ms('backoff-ms-max', 0),
    backoff: text(values, 'backoff'),
    group: text(values, 'group'),
    groupLimit: wholeNumber(values, 'group-limit', { min: 1, max: GROUP_LIMIT_MAX }, problems),
    concurrent: flag(values, 'concurrent') ? true : undefined,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

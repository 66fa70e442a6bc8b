/** All commands, in the order of the help. */
import type { Command } from './command.ts'
import { DAEMON_COMMANDS } from './commands/daemon-rows.ts'
import { OPERATOR_COMMANDS } from './commands/operator-rows.ts'
import { VIEW_COMMANDS } from './commands/view-rows.ts'
import { WORK_COMMANDS } from './commands/work-rows.ts'

export const COMMANDS: readonly Command[] = [
  ...DAEMON_COMMANDS,
  ...VIEW_COMMANDS,
  ...WORK_COMMANDS,
  ...OPERATOR_COMMANDS,
]

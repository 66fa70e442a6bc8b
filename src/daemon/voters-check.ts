/** Does the configuration fit the voter list on this disk? */
import { CodedError } from '../base/errors.ts'
import type { GrantsConfig } from '../grants/config.ts'
import type { VoterList } from '../grants/messages.ts'

/**
 * A node of a cluster in quorum mode that is started without `expectedNodes` and `voters`, by a flag forgotten, would act
 * for every key it owns and ask nobody, and what it promised as a voter would be void. Whoever means that says so:
 * `mode: available` beside either of them.
 * Throws VOTERS_UNEXPECTED.
 */
export function checkVoters(config: GrantsConfig, list: VoterList | undefined, dataDir: string): void {
  if (list === undefined || list.version === 0) return
  if (config.expectedNodes !== undefined || config.voters.length > 0) return
  throw new CodedError(
    'VOTERS_UNEXPECTED',
    `${dataDir} holds the voter list ${list.names.join(', ')}. Expected expectedNodes or voters in the configuration, got neither. ` +
      'To run it in available mode all the same, set `mode: available` beside one of them; for another cluster, use another directory.',
  )
}

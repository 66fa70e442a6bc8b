/** The terms, and the rounds of changes, that a message tells: what is not believed of them is as good as not sent (`BelievedTerms`). */
import type { Ballot, GrantsLinkMessage, VoterList } from './messages.ts'

/** Rounds are clocks as well, and each is to be higher than all before. */
export function highestTold(message: GrantsLinkMessage): number {
  switch (message.type) {
    case 'renew':
      return Math.max(message.term, message.gap ?? 0)
    case 'grant':
      return Math.max(message.top, message.notes?.gap ?? 0)
    case 'voters':
      return Math.max(message.top, ofList(message.list))
    case 'voters-prepare':
      return roundOf(message.ballot)
    case 'voters-promise':
      return Math.max(roundOf(message.ballot), roundOf(message.promised), ofList(message.accepted))
    case 'top-tell':
      return Math.max(message.top, roundOf(message.promised))
    default:
      return 0
  }
}

const roundOf = (ballot: Ballot | undefined): number => ballot?.round ?? 0

const ofList = (list: VoterList | undefined): number => Math.max(list?.floor ?? 0, roundOf(list?.ballot))

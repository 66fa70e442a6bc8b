/** Plays the trials of one kind. What was measured counts, though a later trial breaks off: 49 of 50 are not thrown away. */
import type { Machine, Trials } from '../faults/machine.ts'
import type { Measured } from './judges.ts'
import type { Figures } from './trials.ts'

export interface Collected extends Measured {
  /** Why not all were played. */
  readonly broken?: string
}

export async function collected(
  machine: Machine,
  repeats: number,
  play: (round: number) => Promise<Figures>,
  how: Pick<Trials<Figures>, 'excess' | 'say'>,
): Promise<Collected> {
  const trials: Figures[] = []
  const disturbed: Figures[] = []
  const noted = async (round: number): Promise<Figures> => {
    const figures = await play(round)
    trials.push(figures)
    return figures
  }
  const again = (figures: Figures): void => {
    disturbed.push(...trials.splice(trials.indexOf(figures), 1))
  }
  try {
    await machine.trials(repeats, noted, { ...how, again })
    return { trials, disturbed }
  } catch (error) {
    return { trials, disturbed, broken: error instanceof Error ? error.message : String(error) }
  }
}

/**
 * Ways to break the right to act, each one line or two of it, and a world of the adversary that finds it. The unbroken
 * room passes the same world. When a seed no longer finds its mutant, `node test/grants/mutant-run.ts NAME` looks for
 * one that does.
 */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Text that is there once, and what comes in its place. */
  readonly edits: readonly (readonly [string, string])[]
  /** A world that finds it. */
  readonly seed: number
  /** What is found: part of the adversary's words. */
  readonly finds: string
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a promise is no longer than the lease',
    file: 'voting.ts',
    edits: [['ring.checksum, promiseMs, now)', 'ring.checksum, promiseMs * 0.8, now)']],
    seed: 109,
    finds: 'two actors',
  },
  {
    name: 'a voter speaks right after its boot',
    file: 'voting.ts',
    edits: [['after(this.#bootAt, this.#silenceMs)', 'after(this.#bootAt, 0 * this.#silenceMs)']],
    seed: 2,
    finds: 'two actors',
  },
  {
    name: 'exceptions are ignored',
    file: 'leases.ts',
    edits: [['...grant.exceptions.map(', '...grant.exceptions.slice(0, 0).map(']],
    seed: 1,
    finds: 'two actors',
  },
  {
    name: 'later requests do not count',
    file: 'leases.ts',
    edits: [
      ['.filter(({ seq }) => seq >= grant.seq)', '.filter(({ seq }) => seq === grant.seq)'],
      ['if (conditions !== lease.grant.conditions) this.#set', 'if (conditions.length > 1_000) this.#set'],
    ],
    seed: 94,
    finds: 'two actors',
  },
  {
    name: 'an earlier term comes back with a ring that is learned again',
    file: 'terms.ts',
    edits: [['term >= this.#highestTaken ||', 'term >= 0 ||']],
    seed: 165,
    finds: 'has term',
  },
  {
    name: 'a term is kept over a gap in the grants',
    file: 'terms.ts',
    edits: [
      ['if (!conditions || conditions.length > CONDITIONS_MAX) return false', 'if (!conditions) return true'],
    ],
    seed: 14,
    finds: 'has term',
  },
  {
    name: 'a lease counts from receipt',
    file: 'leases.ts',
    edits: [['after(request.at, Math.min(', 'after(now.mono, Math.min(']],
    seed: 318,
    finds: 'two actors',
  },
  {
    name: 'a joint list needs the new names only',
    file: 'voter-list.ts',
    edits: [
      [
        'isMajority(names, nodes, false) && isMajority(previous, nodes, false)',
        'isMajority(names, nodes, fixed)',
      ],
    ],
    seed: 78,
    finds: 'two actors',
  },
  {
    name: 'a change does not wait for the promises under the old list',
    file: 'voter-change.ts',
    edits: [
      ['elapsedMs(this.#moment.at, now.mono) < this.#promiseMs', 'elapsedMs(this.#moment.at, now.mono) < 0'],
    ],
    seed: 265,
    finds: 'two actors',
  },
  {
    name: 'a new list carries no floor',
    file: 'voter-change.ts',
    edits: [
      ['floor: Math.max(this.#desk.top, this.#top) })', 'floor: 0 * Math.max(this.#desk.top, this.#top) })'],
    ],
    seed: 6,
    finds: 'has term',
  },
]

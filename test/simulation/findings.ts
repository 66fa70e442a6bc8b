/** What must hold, by name, and the first thing that did not. */
export const INVARIANTS = {
  'a machine never throws': 'No input at any moment makes the core throw.',
  'a machine does not spin': 'The core does not ask to be woken again and again without use.',
  'effects are well-formed': 'No frame to a link that never was, no dial number twice, one reply a request.',
  'traffic stays bounded': 'A node sends, publishes and dials no more than a fixed number of times a second.',
  'tables stay bounded': 'A roster has no more members than there are, a store no more records than tasks.',
  'incarnations never go down': 'No node ever takes an older incarnation of a member for the present one.',
  'nobody pretends': 'A node says nothing about itself but its own name, key and incarnation.',
  'no false death':
    'Under mild faults no live member is ever called dead; under harsh ones none that no fault has touched lately.',
  'a pause accuses nobody': 'Where nothing is wrong but pauses, only a member that stood still is accused.',
  'a newcomer accuses nobody':
    'Who has been there for less than the shortest silence calls nobody silent: it has not watched yet.',
  'a verdict hears what waits':
    'Where nothing is wrong but pauses, nobody is called dead who has been awake for a second.',
  'views converge': 'At the end every live node counts exactly the live nodes as living, as they are now.',
  'the dead are dead': 'At the end nobody counts a killed node as living.',
  'a leave is a leave': 'Who was connected to a node that left has it as left, never as dead.',
  'a leave ends': 'Whatever else happens, a leave is over by its deadline and the farewell.',
  'one ring': 'At the end all live nodes have the same ring.',
  'every request is answered': 'A request to a node that lives gets its reply within its time limit.',
  'accepted is on a disk': 'When a submission is answered, some disk has its record.',
  'nothing accepted is lost':
    'A record that was accepted is on a live disk at the end, if its disks survive.',
  'as many disks as were told':
    'In quorum mode what was accepted, and an end, is on as many disks as its owner says and durability asks for.',
  'an attempt is known before it runs':
    'In quorum mode as many disks as durability asks for have an attempt on them when it begins to run.',
  'nothing accepted is forgotten':
    'In quorum mode some disk has every accepted task at the end, if one disk at most was lost.',
  'an end that was told stays':
    'In quorum mode whatever a node may tell of the end of a task, all that tell it later say the same.',
  'a result has a run': 'In quorum mode every result that is told was made by a run of its task.',
  'a stale result is refused':
    'In quorum mode a result that is told comes from a run beside which no later owner had begun the task again.',
  'what has succeeded runs no more':
    'In quorum mode no run of a task begins after it was told that it has succeeded.',
  'an accepted task is known':
    'In quorum mode nobody who asks about a task after it was accepted is told that there is none.',
  'one name is one task': 'In quorum mode submissions with one dedupe key are answered with one task.',
  'limits hold':
    'On no node run more of a type or a group than its limits say, nor two of a key that are not concurrent.',
  'a slot is made or missed':
    'In quorum mode every slot that a schedule has decided has a task or is listed as missed, and is counted so.',
  'schedules go on':
    'In quorum mode, at the end, the owner of a schedule has it and has decided its slots up to now.',
  'takeovers end': 'In quorum mode, once all nodes are back, every key of a node comes to be complete.',
  'every listed task succeeds': 'At the end every task of the shared list has a succeeded record.',
  'calm runs each task once': 'Without faults no task runs to success twice.',
  'one node executes for a key': 'In quorum mode no two nodes execute for one key at one moment.',
  'one node may act for a key':
    'In quorum mode no node has leave for a key while another has it, or executes for it.',
  'tokens rise with each owner': 'A new actor of a key has a token above all that others had for it.',
  'a minority stops':
    'Nothing executes, and no leave stands, a lease after the last request that a quorum granted.',
  'no eviction without a lease': 'In quorum mode only a node with a live lease calls another dead.',
  'a voter is silent after boot': 'A voter grants nothing for a promise length after each boot.',
  'a voter takes nothing back':
    'While a grant stands, its voter grants no earlier request of the same session: that one claimed other keys.',
  'a term is on disk before it is granted':
    'A grant that says so comes from a voter whose disk has the term.',
  'what may be lost was lost':
    'Whoever is named as a member with which something may be lost was forgotten by an operator, or lost its disk.',
  'voter lists rise': 'On a disk that is kept no older voter list follows a newer one.',
  'one voter list a version': 'Two different voter lists that stand alone never have one version.',
  'one voter at a time': 'Each voter list differs by one name from the one before it.',
  'one voter list at the end':
    'At the end all live nodes have the same voter list, and no change is half made.',
  'somebody acts in the quiet': 'Once all faults are over, every key has an actor again within seconds.',
  'every key has an actor': 'At the end of the quiet exactly one node may act for each key.',
} as const satisfies Record<string, string>

export type InvariantName = keyof typeof INVARIANTS

export interface Violation {
  readonly invariant: string
  /** Virtual ms. */
  readonly at: number
  /** Where, when it is about one node. */
  readonly node: string | undefined
  readonly detail: string
}

export class Findings {
  readonly #now: () => number
  violation: Violation | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** The first one counts: what comes after it may follow from it. */
  fail(invariant: InvariantName, node: string | undefined, detail: string): void {
    this.violation ??= { invariant, at: this.#now(), node, detail }
  }
}

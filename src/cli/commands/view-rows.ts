/** The commands that ask a daemon what it sees. */
import { CLIENT_OPTIONS } from '../arguments.ts'
import type { Command } from '../command.ts'

export const VIEW_COMMANDS: readonly Command[] = [
  {
    name: 'status',
    summary: 'Show one node: who it is, whether it is ready, and how much work it has.',
    arity: [0, 0],
    options: {
      ...CLIENT_OPTIONS,
      check: {
        type: 'boolean',
        help: 'Only answer whether the daemon is alive (exit code): for HEALTHCHECK.',
      },
      ready: {
        type: 'boolean',
        help: 'Only answer whether it is ready to take work (exit code), and if not, why.',
      },
    },
    examples: [
      ['roundtable status', 'the daemon on this machine'],
      ['roundtable status --url http://10.0.0.5:7373', 'another one'],
      ['until roundtable status --ready; do sleep 1; done', 'wait in a script'],
    ],
    load: () => import('./status.ts'),
  },
  {
    name: 'members',
    summary: 'List the members of the cluster as this node sees them, or show one of them.',
    args: '[NODE]',
    arity: [0, 1],
    options: {
      ...CLIENT_OPTIONS,
      why: {
        type: 'boolean',
        help: 'Say of each why it is believed to be what it is: who said so, on what evidence.',
      },
    },
    examples: [
      ['roundtable members', 'all of them'],
      ['roundtable members --why', 'with the last line of the ledger of each'],
      ['roundtable members node-3', 'one, with the claims that stand against it'],
      ['roundtable members --json | jq -r ".members[].id"', 'for scripts'],
    ],
    load: () => import('./members.ts'),
  },
  {
    name: 'owner',
    summary: 'Say which node owns a key.',
    args: 'KEY',
    arity: [1, 1],
    options: {
      ...CLIENT_OPTIONS,
      mine: {
        type: 'boolean',
        help: 'Answer by the exit code: 0 when it is the node asked, 1 when it is another.',
      },
      acting: {
        type: 'boolean',
        help: 'Answer by the exit code: 0 when the node asked may act for the key now; in quorum mode no other does.',
      },
    },
    examples: [
      ['roundtable owner tenant-42', 'print the name of its owner'],
      ['roundtable owner --mine tenant-42 && bill tenant-42', 'do it only where it belongs'],
      ['roundtable owner --acting --json tenant-42', 'with the fencing token, and how long the right lasts'],
    ],
    load: () => import('./owner.ts'),
  },
  {
    name: 'explain',
    summary:
      'Say how the owner of a key was found, who owned it before and why; why a member is what it is; or why a task does not run.',
    args: '[key] KEY | member NODE | task ID',
    arity: [1, 2],
    options: {
      ...CLIENT_OPTIONS,
      at: {
        type: 'string',
        value: 'TIME',
        help: 'Who owned the key then: 2026-11-21T12:03:00Z, or 12:03 of the last 24 hours, UTC.',
      },
    },
    notes: [
      'The node asked tells what it has seen since it started: each change of the owner with its cause, and when it had ' +
        'the right to act for the key itself.',
    ],
    examples: [
      ['roundtable explain tenant-42', 'hash, token, preference list, beliefs, owners so far, tasks'],
      [
        'roundtable explain key tenant-42 --at 12:03',
        'who owned it at that time, and who said that the one before was dead',
      ],
      ['roundtable explain member node-3', 'its ledger: accusations, evidence, verdicts, refutations'],
      ['roundtable explain task nightly', 'why there, why it does not run, what must happen next'],
    ],
    load: () => import('./explain.ts'),
  },
  {
    name: 'ring',
    summary: 'Show the ring: its members, their weights and their shares of the keys.',
    arity: [0, 0],
    options: { ...CLIENT_OPTIONS },
    examples: [['roundtable ring', 'equal checksums on two nodes mean equal owners for every key']],
    load: () => import('./ring.ts'),
  },
]

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
    options: { ...CLIENT_OPTIONS },
    examples: [
      ['roundtable members', 'all of them'],
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
    },
    examples: [
      ['roundtable owner tenant-42', 'print the name of its owner'],
      ['roundtable owner --mine tenant-42 && bill tenant-42', 'do it only where it belongs'],
    ],
    load: () => import('./owner.ts'),
  },
  {
    name: 'explain',
    summary: 'Say how the owner of a key was found, who agrees, and what is known of its tasks.',
    args: 'KEY',
    arity: [1, 1],
    options: { ...CLIENT_OPTIONS },
    examples: [['roundtable explain tenant-42', 'hash, token, preference list, beliefs, tasks']],
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

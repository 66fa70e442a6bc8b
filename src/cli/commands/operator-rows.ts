/** The commands with which an operator changes a node or the voters. */
import { CLIENT_OPTIONS } from '../arguments.ts'
import type { Command } from '../command.ts'
import { EVENT_TYPES } from '../event-source.ts'

export const OPERATOR_COMMANDS: readonly Command[] = [
  {
    name: 'cordon',
    summary: 'Take the keys from a node: it stays a member, what runs may end, nothing new begins.',
    arity: [0, 0],
    options: { ...CLIENT_OPTIONS },
    notes: ['It lasts until uncordon or the next start.'],
    examples: [['roundtable cordon --url http://10.0.0.5:7373', 'before work on that machine']],
    load: () => import('./cordon.ts'),
  },
  {
    name: 'uncordon',
    summary: 'Give a cordoned node its keys again.',
    arity: [0, 0],
    options: { ...CLIENT_OPTIONS },
    examples: [['roundtable uncordon --url http://10.0.0.5:7373', 'when the work is done']],
    load: () => import('./uncordon.ts'),
  },
  {
    name: 'drain',
    summary: 'Cordon a node and wait until nothing runs on it and others have all that it knows.',
    arity: [0, 0],
    options: {
      ...CLIENT_OPTIONS,
      'deadline-ms': {
        type: 'string',
        value: 'MS',
        help: 'Wait at most this long (exit code 4), to 600000; 60000 unless told.',
      },
    },
    notes: ['Whatever comes of it, the node stays cordoned. Safe to repeat.'],
    examples: [
      ['roundtable drain && systemctl stop roundtable', 'stop a node that has nothing left to do'],
      ['roundtable drain --deadline-ms 300000 --json', 'with what still runs when the time is over'],
    ],
    load: () => import('./drain.ts'),
  },
  {
    name: 'weight',
    summary: 'Change the share of the keys that a node owns, relative to the others.',
    args: 'WEIGHT',
    arity: [1, 1],
    options: { ...CLIENT_OPTIONS },
    notes: ['From 0.01 to 100; 1 is usual. It lasts until the next start, which reads the configuration.'],
    examples: [['roundtable weight 2 --url http://10.0.0.5:7373', 'twice the keys of a node of weight 1']],
    load: () => import('./weight.ts'),
  },
  {
    name: 'forget',
    summary: 'Drop a dead or departed member everywhere, now; one that lives is refused.',
    args: 'NODE',
    arity: [1, 1],
    options: {
      ...CLIENT_OPTIONS,
      'former-disk': {
        type: 'boolean',
        help: 'Not the member, which came with another disk: what it had on the one before is gone for good. Say it to NODE itself.',
      },
    },
    notes: [
      'With --former-disk it lasts until the next start of that node: say it again if its keys are not complete by then.',
    ],
    examples: [
      ['roundtable forget node-9', 'it will not come back: nobody dials it any more'],
      ['roundtable forget node-5 --former-disk --url http://10.0.0.5:7373', 'its disk was replaced'],
    ],
    load: () => import('./forget.ts'),
  },
  {
    name: 'voters',
    summary: 'Show who decides in quorum mode, and change it one by one.',
    args: '[list | add NODE | remove NODE | reset NODE...]',
    arity: [0, 65],
    options: {
      ...CLIENT_OPTIONS,
      confirm: {
        type: 'string',
        value: 'CLUSTER',
        help: 'For reset: the name of the cluster, so that nobody does it by accident.',
      },
    },
    notes: [
      'add and remove need a quorum of the voters before and after. They answer at once; the list says when the change is ' +
        'made. Without a quorum it is given up after 10 s.',
      'reset is the last resort when such a quorum is lost for good: it is not safe while any of the old voters still ' +
        'runs. It names living members and present voters, of which the node that is asked hears more than half, or half with the lowest name. Nodes that hear of it follow; asking each of them does no harm.',
    ],
    examples: [
      ['roundtable voters', 'the list, and who grants this node leave to act'],
      ['roundtable voters add node-9', 'one more'],
      ['roundtable voters remove node-3', 'one less'],
      ['roundtable voters reset node-1 node-2 node-9 --confirm prod', 'after the loss of a majority'],
    ],
    load: () => import('./voters.ts'),
  },
  {
    name: 'monitor',
    summary: 'Follow what a node sees happen: members, ring, tasks, grants, and the owners of keys.',
    arity: [0, 0],
    options: {
      ...CLIENT_OPTIONS,
      types: {
        type: 'string',
        value: 'LIST',
        help: `Only these, with commas between: ${EVENT_TYPES.join(', ')}.`,
      },
      key: {
        type: 'string',
        value: 'KEY',
        multiple: true,
        help: 'Say who owns it, and whenever that, its token or the right to act changes.',
      },
      after: { type: 'string', value: 'ID', help: 'Begin after this event; start for all that is kept.' },
      once: { type: 'boolean', help: 'Print what is kept and end.' },
    },
    notes: [
      'A broken connection is made again and goes on after the last event. With --json: one object a line.',
    ],
    examples: [
      ['roundtable monitor', 'everything, until Ctrl-C'],
      [
        'roundtable monitor --types member,grant --after start',
        'what has happened to members and rights so far',
      ],
      ['roundtable monitor --types owner --key tenant-42 --json', 'for a program that acts for one key'],
    ],
    load: () => import('./monitor.ts'),
  },
]

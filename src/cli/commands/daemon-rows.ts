/** The commands that start and stop daemons. */
import { CLIENT_OPTIONS } from '../arguments.ts'
import type { Command, OptionTable } from '../command.ts'

/** Shorter names for what most command lines say; everything else has the name of its configuration key. */
const AGENT_OPTIONS: OptionTable = {
  config: { type: 'string', short: 'c', value: 'FILE', help: 'Configuration file, YAML or JSON.' },
  listen: { type: 'string', value: 'HOST:PORT', help: 'Where to listen for peers; port 0 takes a free one.' },
  http: { type: 'string', value: 'HOST:PORT', help: 'Where the API listens; port 0 takes a free one.' },
  seed: {
    type: 'string',
    value: 'HOST:PORT',
    multiple: true,
    help: 'A peer to ask first; one that answers is enough.',
  },
  advertise: {
    type: 'string',
    value: 'HOST:PORT',
    multiple: true,
    help: 'Address to tell the others instead of its own.',
  },
  'task-list': { type: 'string', value: 'FILE', multiple: true, help: 'Shared task list, YAML or NDJSON.' },
  'min-members': { type: 'string', value: 'N', help: 'Start no task before so many members are alive.' },
  trace: {
    type: 'string',
    value: 'FILE',
    help: 'Record every input of the core there, for the simulator to replay.',
  },
  'stop-with-parent': { type: 'boolean', hidden: true, help: 'Leave when standard input ends.' },
}

export const DAEMON_COMMANDS: readonly Command[] = [
  {
    name: 'agent',
    summary: 'Run the daemon of this node in the foreground; logs are JSON lines on standard output.',
    arity: [0, 0],
    options: AGENT_OPTIONS,
    moreOptions: async () => (await import('./agent-flags.ts')).configurationOptions(),
    notes: [
      'Every key of the configuration is also a variable: http.port is ROUNDTABLE_HTTP_PORT. Options win over ' +
        'variables, variables over the file. SIGTERM leaves the cluster and drains; a second one stops at once.',
    ],
    examples: [
      ['roundtable agent --node-id a --listen 127.0.0.1:7946', 'the first node'],
      [
        'roundtable agent --node-id b --listen 127.0.0.1:0 --http 127.0.0.1:0 --data-dir b --seed 127.0.0.1:7946',
        'a second',
      ],
      ['roundtable agent --config /etc/roundtable.yaml', 'as a service'],
    ],
    load: () => import('./agent.ts'),
  },
  {
    name: 'cluster',
    summary: 'Try it: start a cluster on this machine and let it do a job on real files.',
    arity: [0, 0],
    options: {
      nodes: { type: 'string', short: 'n', value: 'N', help: 'How many daemons, 1 to 32; 8 unless told.' },
      count: {
        type: 'string',
        value: 'N',
        help: 'How many files to checksum; 2000 unless told, 0 for no job.',
      },
      tasks: {
        type: 'string',
        value: 'FILE',
        help: 'Run this task list (YAML or NDJSON) instead of the file job.',
      },
      allow: {
        type: 'string',
        value: 'NAME=PATH',
        multiple: true,
        help: 'With --tasks: a command exec tasks may run.',
      },
      chaos: { type: 'boolean', help: 'Kill one daemon with kill -9 in the middle, and start it again.' },
      keep: { type: 'boolean', help: 'Leave the cluster up at the end, until Ctrl-C.' },
      manifest: {
        type: 'string',
        value: 'FILE',
        help: 'Where the results go; .roundtable/manifest.sha256 (or results.ndjson) unless told.',
      },
      dir: {
        type: 'string',
        value: 'DIR',
        help: 'Keep data and logs of the daemons there; else they are removed.',
      },
      timeout: {
        type: 'string',
        value: 'SECONDS',
        help: 'Give up after so long (exit code 4); 600 unless told.',
      },
    },
    notes: [
      'The job: one sha256sum of each of the first files below node_modules, by name. Every daemon has the whole list ' +
        'and runs what it owns. At the end the manifest is compared with what sha256sum says when run directly. ' +
        'Exit code 0 means: every task succeeded, the manifest is equal, and nothing ran twice (with --chaos: nothing ' +
        'that the killed daemon does not explain).',
    ],
    examples: [
      ['roundtable cluster', 'eight daemons, 2,000 files'],
      ['roundtable cluster --chaos', 'the same, with one killed in the middle'],
      ['roundtable cluster --count 0 --keep', 'a cluster to play with'],
      ['roundtable cluster --tasks jobs.yaml --allow convert=/usr/bin/convert', 'your own work'],
    ],
    load: () => import('./cluster.ts'),
  },
  {
    name: 'leave',
    summary: 'Tell a node to leave: it drains, hands over and ends, and is never shown as failed.',
    arity: [0, 0],
    options: {
      ...CLIENT_OPTIONS,
      'deadline-ms': {
        type: 'string',
        value: 'MS',
        help: 'Be gone by then, to 600000; the leaveMs of its configuration unless told.',
      },
    },
    notes: [
      'It ends within the deadline whatever happens: alone, in a partition, or with a task that hangs. What still runs ' +
        'then is stopped, and runs again elsewhere.',
    ],
    examples: [
      ['roundtable leave', 'the daemon on this machine'],
      ['roundtable leave --deadline-ms 2000', 'in a hurry'],
    ],
    load: () => import('./leave.ts'),
  },
  {
    name: 'keygen',
    summary: 'Print a new cluster key: 64 hexadecimal digits, the same on every node of a cluster.',
    arity: [0, 0],
    options: {},
    examples: [
      [
        'roundtable keygen > cluster.key && chmod 600 cluster.key',
        'then --transport-cluster-key-file cluster.key',
      ],
    ],
    load: () => import('./keygen.ts'),
  },
]

/** The commands that hand in work and follow it. */
import { TASK_STATES } from '../../tasks/task.ts'
import { CLIENT_OPTIONS } from '../arguments.ts'
import type { Command, OptionTable } from '../command.ts'
import { taskOptions } from '../task-options.ts'

/** What lists of tasks of all nodes may be narrowed by. */
const FILTERS: OptionTable = {
  type: { type: 'string', value: 'TYPE', help: 'Only tasks of this type.' },
  key: { type: 'string', value: 'KEY', help: 'Only tasks of this key.' },
  group: { type: 'string', value: 'GROUP', help: 'Only tasks of this group.' },
  q: { type: 'string', value: 'TEXT', help: 'Only tasks with this in their id, key, type or error.' },
  cursor: { type: 'string', value: 'ID', help: 'Go on after this task id.' },
}

export const WORK_COMMANDS: readonly Command[] = [
  {
    name: 'submit',
    summary: 'Hand in tasks, one or many; any node takes them and passes each to the owner of its key.',
    args: '[TYPE | JSON]',
    arity: [0, 1],
    options: {
      ...CLIENT_OPTIONS,
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        help: 'Read the task as JSON from there, or a list; - is standard input. *.ndjson and *.jsonl hold one a line.',
      },
      many: {
        type: 'boolean',
        help: 'One task a line, from --file or standard input, handed in while it is read.',
      },
      id: {
        type: 'string',
        value: 'ID',
        help: 'Its id: submitting it again with the same id is safe. Else one is made, and told if the answer is lost.',
      },
      key: {
        type: 'string',
        value: 'KEY',
        help: 'What decides the owner; tasks of one key run one at a time.',
      },
      dedupe: {
        type: 'string',
        value: 'KEY',
        help: 'The same again within the time, under the same --key, gives the first task.',
      },
      'dedupe-ttl-ms': { type: 'string', value: 'MS', help: 'That time; a day unless told, a week at most.' },
      payload: { type: 'string', value: 'JSON', help: 'What the executor gets.' },
      command: { type: 'string', value: 'NAME', help: 'For exec: which command of the allow list to run.' },
      arg: { type: 'string', value: 'TEXT', multiple: true, help: 'For exec: an argument of it.' },
      ...taskOptions(),
      placement: {
        type: 'string',
        value: 'RULE',
        help: 'Without --key and --id: ring, round_robin, random, least_load, local, weighted.',
      },
      'run-at': { type: 'string', value: 'TIME', help: 'Not before: a full time, or ms since 1970.' },
      'expires-at': {
        type: 'string',
        value: 'TIME',
        help: 'A dead letter when it has not succeeded by then.',
      },
      wait: {
        type: 'boolean',
        short: 'w',
        help: 'Wait for its end and show it; exit code 0 only if it succeeded.',
      },
      'wait-ms': {
        type: 'string',
        value: 'MS',
        help: 'Wait at most this long (exit code 4); 300000 unless told.',
      },
    },
    notes: [
      'A task comes from one place: TYPE with options, JSON, --file, or standard input when nothing else is given. ' +
        'Options replace the fields of a task given as JSON, and of each one of many.',
      'Many: each task without an id gets one, and what is refused for now, or lost with a connection, is sent again under ' +
        'it. Exit code 0 only if all are stored; with --json a line tells what became of each. However it ends, it says what ' +
        'became of every line that it took, and which was the last (lastLine).',
    ],
    examples: [
      ['roundtable submit echo --key k1 --payload \'{"hello":1}\' --wait', 'the smallest task'],
      ['roundtable submit exec --command sha256sum --arg /etc/hostname --wait', 'an allow-listed command'],
      ['roundtable submit --id nightly-2026-11-21 -f task.json', 'safe to repeat'],
      ['roundtable submit -f tasks.ndjson --priority 2', 'a file with one task a line'],
      ['make-tasks | roundtable submit --many --json', 'as many as come, in constant memory'],
    ],
    load: () => import('./submit.ts'),
  },
  {
    name: 'tasks',
    summary: 'List the tasks of all nodes, search them, or show how much work there is.',
    arity: [0, 0],
    options: {
      ...CLIENT_OPTIONS,
      state: {
        type: 'string',
        value: 'STATE',
        help: `Only these: ${TASK_STATES.join(', ')}.`,
      },
      scope: {
        type: 'string',
        value: 'SCOPE',
        help: 'cluster (unless told): all nodes. Of the node asked only: owned, held (copies for others), ran, all.',
      },
      ...FILTERS,
      after: { type: 'string', value: 'ID', help: 'The same as --cursor, for the scopes of one node.' },
      stats: { type: 'boolean', help: 'Tasks, workers, CPU and memory of every node and of all.' },
      limit: { type: 'string', value: 'N', help: 'At most so many, 1 to 1000; 100 unless told.' },
      all: { type: 'boolean', help: 'All pages. With --json: one task per line.' },
    },
    examples: [
      ['roundtable tasks --state running', 'what runs anywhere'],
      ['roundtable tasks --q invoice --limit 10', 'search'],
      ['roundtable tasks --stats', 'how much there is to do, and who does it'],
      ['roundtable tasks --scope ran --all --json', 'everything this node ran, one JSON object per line'],
    ],
    load: () => import('./tasks.ts'),
  },
  {
    name: 'task',
    summary: 'Show one task: its state, its attempts, its result. Any node finds it.',
    args: 'ID',
    arity: [1, 1],
    options: {
      ...CLIENT_OPTIONS,
      log: {
        type: 'boolean',
        help: 'The end of what its last attempt printed, while it runs and for a while after.',
      },
      attempt: { type: 'string', value: 'N', help: 'With --log: of this attempt.' },
      bytes: { type: 'string', value: 'N', help: 'With --log: at most so many of each output, to 16384.' },
    },
    examples: [
      ['roundtable task nightly-2026-11-21', 'who ran it, when, and how it ended'],
      ['roundtable task nightly-2026-11-21 --log', 'what it says'],
    ],
    load: () => import('./task.ts'),
  },
  {
    name: 'claims',
    summary: 'Show what the applications beside one node hold of its tasks, and how many wait for more.',
    arity: [0, 0],
    options: { ...CLIENT_OPTIONS },
    examples: [
      ['roundtable claims', 'who holds what, until when, and how far it is'],
      ['roundtable claims --json | jq .waiting', 'whether anybody waits'],
    ],
    load: () => import('./claims.ts'),
  },
  {
    name: 'cancel',
    summary: 'End tasks, also while they run: an attempt is stopped wherever it is. Any node passes it on.',
    args: 'ID...',
    arity: [1, 1_000],
    options: { ...CLIENT_OPTIONS },
    examples: [['roundtable cancel nightly-2026-11-21', 'safe to repeat']],
    load: () => import('./cancel.ts'),
  },
  {
    name: 'retry',
    summary: 'Try tasks again: dead or cancelled ones with all their attempts; for one that pauses, now.',
    args: 'ID...',
    arity: [1, 1_000],
    options: { ...CLIENT_OPTIONS },
    examples: [['roundtable retry nightly-2026-11-21', 'after its cause has been mended']],
    load: () => import('./retry.ts'),
  },
  {
    name: 'dead',
    summary: 'List the dead letters of all nodes, try many again, or drop them.',
    args: '[list | redrive [ID...] | purge [ID...]]',
    arity: [0, 1_000],
    options: {
      ...CLIENT_OPTIONS,
      ...FILTERS,
      limit: {
        type: 'string',
        value: 'N',
        help: 'List: at most so many, 1 to 1000. Else: act on so many and no more, 1 to 10000.',
      },
      all: { type: 'boolean', help: 'List: all pages. Else: all dead letters there are.' },
      yes: { type: 'boolean', help: 'For purge: what is purged is gone for good.' },
    },
    examples: [
      ['roundtable dead', 'what has failed for good, and why'],
      ['roundtable dead redrive --type http', 'try those of one type again'],
      ['roundtable dead purge --q ECONNREFUSED --yes', 'drop those with this error'],
    ],
    load: () => import('./dead.ts'),
  },
  {
    name: 'schedules',
    summary: 'List, make, change and remove schedules: cron expressions and intervals.',
    args: '[list | show NAME | next NAME | add NAME | preview [NAME] | remove NAME | pause NAME | resume NAME]',
    arity: [0, 2],
    options: {
      ...CLIENT_OPTIONS,
      cron: {
        type: 'string',
        value: 'EXPRESSION',
        help: 'add: minute hour day month weekday, or six fields with seconds first, or @hourly, @daily ...',
      },
      'time-zone': { type: 'string', value: 'ZONE', help: 'add: of the expression; UTC unless told.' },
      'every-ms': { type: 'string', value: 'MS', help: 'add: a slot every so many ms; 1000 at least.' },
      type: { type: 'string', value: 'TYPE', help: 'add: which executor runs its tasks.' },
      payload: { type: 'string', value: 'JSON', help: 'add: what the executor gets.' },
      ...taskOptions('add: '),
      'catch-up': {
        type: 'string',
        value: 'POLICY',
        help: 'add: which slots that nobody was there for are made: none, last (unless told), all.',
      },
      overlap: {
        type: 'string',
        value: 'POLICY',
        help: 'add: while the task before is unfinished: allow (unless told) makes the next, which waits; skip does not.',
      },
      paused: { type: 'boolean', help: 'add: begins paused.' },
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        help: 'add: the definition as JSON; options replace fields of it.',
      },
      count: {
        type: 'string',
        short: 'n',
        value: 'N',
        help: 'show, next, preview: how many slots, 1 to 100.',
      },
    },
    notes: [
      'Each slot becomes one task NAME@SLOT in the whole cluster, with NAME as its key, so that those of a schedule run one ' +
        'at a time. add also changes a schedule that is there. Those of the configuration can be paused and resumed only.',
      'preview takes the options of add, checks them and shows the next slots; it stores nothing. It needs no task.',
    ],
    examples: [
      ['roundtable schedules', 'all of the cluster, from any node'],
      [
        'roundtable schedules add backup --cron \'30 2 * * *\' --time-zone Europe/Berlin --type exec --payload \'{"command":"backup"}\'',
        'every night',
      ],
      ['roundtable schedules next backup -n 3', 'when it runs next'],
      ["roundtable schedules preview --cron '0 9 * * 1-5' -n 3", 'when it would run'],
      ['roundtable schedules pause backup', 'until it is resumed'],
    ],
    load: () => import('./schedules.ts'),
  },
]

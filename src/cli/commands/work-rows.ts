/** The commands that hand in work and follow it. */
import { CLIENT_OPTIONS } from '../arguments.ts'
import type { Command } from '../command.ts'

export const WORK_COMMANDS: readonly Command[] = [
  {
    name: 'submit',
    summary: 'Hand in one task; any node takes it and passes it to the owner of its key.',
    args: '[TYPE | JSON]',
    arity: [0, 1],
    options: {
      ...CLIENT_OPTIONS,
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        help: 'Read the task as JSON from there; - is standard input.',
      },
      id: {
        type: 'string',
        value: 'ID',
        help: 'Its id: submitting it again with the same id is safe. Else one is made.',
      },
      key: {
        type: 'string',
        value: 'KEY',
        help: 'What decides the owner; tasks of one key run one at a time.',
      },
      payload: { type: 'string', value: 'JSON', help: 'What the executor gets.' },
      command: { type: 'string', value: 'NAME', help: 'For exec: which command of the allow list to run.' },
      arg: { type: 'string', value: 'TEXT', multiple: true, help: 'For exec: an argument of it.' },
      priority: { type: 'string', value: '0..3', help: '0 runs first.' },
      'max-attempts': { type: 'string', value: 'N', help: 'Attempts before it becomes a dead letter.' },
      'timeout-ms': { type: 'string', value: 'MS', help: 'Time limit of one attempt.' },
      'backoff-ms': { type: 'string', value: 'MS', help: 'First pause before a retry.' },
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
        'Options replace the fields of a task given as JSON.',
    ],
    examples: [
      ['roundtable submit echo --key k1 --payload \'{"hello":1}\' --wait', 'the smallest task'],
      ['roundtable submit exec --command sha256sum --arg /etc/hostname --wait', 'an allow-listed command'],
      ['roundtable submit --id nightly-2026-11-21 -f task.json', 'safe to repeat'],
    ],
    load: () => import('./submit.ts'),
  },
  {
    name: 'tasks',
    summary: 'List tasks that the node asked knows.',
    arity: [0, 0],
    options: {
      ...CLIENT_OPTIONS,
      state: {
        type: 'string',
        value: 'STATE',
        help: 'Only these: scheduled, ready, running, succeeded, retrying, dead, cancelled.',
      },
      scope: {
        type: 'string',
        value: 'SCOPE',
        help: 'owned (unless told): what this node owns; held: copies for others; ran: what it ran; all.',
      },
      after: { type: 'string', value: 'ID', help: 'Go on after this task id.' },
      limit: { type: 'string', value: 'N', help: 'At most so many, 1 to 1000; 100 unless told.' },
      all: { type: 'boolean', help: 'All pages. With --json: one task per line.' },
    },
    examples: [
      ['roundtable tasks --state dead', 'what has failed for good'],
      ['roundtable tasks --scope ran --all --json', 'everything this node ran, one JSON object per line'],
    ],
    load: () => import('./tasks.ts'),
  },
  {
    name: 'task',
    summary: 'Show one task: its state, its attempts, its result. Any node finds it.',
    args: 'ID',
    arity: [1, 1],
    options: { ...CLIENT_OPTIONS },
    examples: [['roundtable task nightly-2026-11-21', 'who ran it, when, and how it ended']],
    load: () => import('./task.ts'),
  },
  {
    name: 'schedules',
    summary: 'List, make, change and remove schedules: cron expressions and intervals.',
    args: '[list | show NAME | next NAME | add NAME | remove NAME | pause NAME | resume NAME]',
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
      priority: { type: 'string', value: '0..3', help: 'add: 0 runs first.' },
      'max-attempts': { type: 'string', value: 'N', help: 'add: attempts before a task is a dead letter.' },
      'timeout-ms': { type: 'string', value: 'MS', help: 'add: time limit of one attempt.' },
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
      count: { type: 'string', short: 'n', value: 'N', help: 'show, next: how many slots, 1 to 100.' },
    },
    notes: [
      'Each slot becomes one task NAME@SLOT in the whole cluster, with NAME as its key, so that those of a schedule run one ' +
        'at a time. add also changes a schedule that is there. Those of the configuration can be paused and resumed only.',
    ],
    examples: [
      ['roundtable schedules', 'all of the cluster, from any node'],
      [
        'roundtable schedules add backup --cron \'30 2 * * *\' --time-zone Europe/Berlin --type exec --payload \'{"command":"backup"}\'',
        'every night',
      ],
      ['roundtable schedules next backup -n 3', 'when it runs next'],
      ['roundtable schedules pause backup', 'until it is resumed'],
    ],
    load: () => import('./schedules.ts'),
  },
]

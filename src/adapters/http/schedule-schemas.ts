/** The shapes of schedules, as JSON schemas. */
import {
  flag,
  type JsonSchema,
  listOf,
  nullable,
  number,
  object,
  oneOf,
  text,
  whole,
} from './schema-words.ts'

/** A cron expression with its time zone, or an interval. */
const timing = { cron: text, timeZone: text, everyMs: whole }
const timingOptional = ['cron', 'timeZone', 'everyMs']
const catchUp = oneOf('none', 'last', 'all')
const overlap = oneOf('allow', 'skip')
const slotsNext = { ...listOf(number), description: 'The next slots, in ms since 1970.' }

export const SCHEDULE_SCHEMAS = {
  ScheduleDefinition: {
    type: 'object',
    description:
      'Either `cron` or `everyMs`, and `task`. See the README for what becomes of slots that nobody was there for.',
    properties: {
      name: { ...text, description: 'As in the path, where there is one.' },
      cron: { ...text, description: 'minute hour day month weekday, or six fields with seconds first.' },
      timeZone: { ...text, description: 'Of the cron expression; UTC unless told.' },
      everyMs: {
        ...whole,
        minimum: 1_000,
        description: 'A slot at each multiple of it since 1970, 00:00 UTC.',
      },
      task: {
        type: 'object',
        description: 'Its tasks: all fields of a task but id, key, dedupe, runAt, expiresAt and placement.',
      },
      catchUp: { ...catchUp, default: 'last' },
      overlap: { ...overlap, default: 'allow' },
      paused: { ...flag, default: false },
    },
    required: ['task'],
  },
  Schedule: object(
    {
      name: text,
      ...timing,
      task: { type: 'object' },
      catchUp,
      overlap,
      paused: flag,
      source: oneOf('api', 'config'),
      version: whole,
      changedAt: number,
      deleted: flag,
      owner: nullable('string'),
      decidedTo: { ...number, description: 'All slots up to here are made, missed, or were never due.' },
      lastMade: number,
      made: whole,
      missed: whole,
      lately: listOf(
        object(
          {
            from: number,
            to: number,
            count: whole,
            more: flag,
            reason: oneOf('late', 'overlap', 'queue-full'),
            at: number,
          },
          ['more'],
        ),
      ),
      next: slotsNext,
      waits: { ...text, description: 'Why nothing is made of it now, when its owner is asked.' },
    },
    [...timingOptional, 'lastMade', 'waits'],
  ),
  SchedulePreview: object({ next: slotsNext }),
  Schedules: object(
    {
      schedules: listOf(
        object(
          {
            name: text,
            timing: object(timing, timingOptional),
            type: text,
            source: oneOf('api', 'config'),
            paused: flag,
            decidedTo: number,
            lastMade: number,
            made: whole,
            missed: whole,
            waits: text,
            owner: text,
          },
          ['lastMade', 'waits'],
        ),
      ),
      next: text,
      unsure: listOf(text),
    },
    ['next'],
  ),
} as const satisfies Record<string, JsonSchema>

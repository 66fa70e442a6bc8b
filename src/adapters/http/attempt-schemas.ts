/** The shapes of what attempts say and print, as JSON schemas. */
import { NOTE_CHARS_MAX } from '../../tasks/progress.ts'
import { flag, type JsonSchema, number, object, text, whole } from './schema-words.ts'

const reported = {
  fraction: {
    ...number,
    minimum: 0,
    maximum: 1,
    description: 'Made from `done` and `total` where absent.',
  },
  done: { ...number, minimum: 0 },
  total: { ...number, exclusiveMinimum: 0 },
  note: { ...text, description: `Cut after ${NOTE_CHARS_MAX} characters.` },
}

const at = { ...number, description: 'When it was heard, in wall clock ms.' }

export const progress = object({ ...reported, at }, Object.keys(reported))

const logTail = object({ text, cutBytes: { ...whole, description: 'Printed before that.' } })

export const ATTEMPT_SCHEMAS = {
  Progress: {
    ...object(reported, Object.keys(reported)),
    minProperties: 1,
    description: 'What an attempt says of how far it is. The newest word counts.',
  },
  TaskLog: object(
    { task: text, attempt: whole, node: text, running: flag, progress, stdout: logTail, stderr: logTail },
    ['progress', 'stdout', 'stderr'],
  ),
} as const satisfies Record<string, JsonSchema>

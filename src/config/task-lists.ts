import { z } from 'zod'
import type { OptionType } from './option.ts'
import { structure } from './option-type.ts'
import { pathType, strict } from './shapes.ts'

/** Each is read whole into the table of tasks at start. */
const TASK_LISTS_MAX = 64

const expected = `a list of at most ${TASK_LISTS_MAX}, each a path or {path, allowInvalid}`

const entry = z.union(
  [
    pathType.schema.transform(path => ({ path, allowInvalid: false })),
    strict({ path: pathType.schema, allowInvalid: z.boolean({ error: 'true or false' }).default(false) }),
  ],
  { error: 'a path, or {path, allowInvalid}' },
)

const schema = z.array(entry, { error: expected }).max(TASK_LISTS_MAX, { error: expected })
const shape = structure('list of paths', expected, schema)

/** Text is a JSON array, or paths between commas. */
export const taskListsType: OptionType = {
  ...shape,
  fromText: text =>
    text.trim().startsWith('[') ? shape.fromText(text) : text.split(',').map(path => path.trim()),
}

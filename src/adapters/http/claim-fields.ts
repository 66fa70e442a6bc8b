/** Fields of the requests by which clients claim tasks and speak of their claims. */
import { type ProgressReport, readProgress } from '../../tasks/progress.ts'
import type { Json } from '../../tasks/task.ts'
import type { BodyField } from './body-fields.ts'

/** Types that one client may wait for. */
export const CLAIM_TYPES_MAX = 64
/** Tasks that one answer may hold: with payloads of the largest size 25 MiB. */
export const CLAIMS_AT_ONCE_MAX = 100
/** A client may wait so long for an answer, in ms: below what proxies let pass. */
export const CLAIM_WAIT_MS_MAX = 60_000
export const CLAIM_WAIT_MS_DEFAULT = 20_000
/** Characters of what a client says of a failure; also what is kept of it. */
export const FAILURE_CHARS_MAX = 4_000

const TYPE = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/
const CLIENT = /^[\x20-\x7e]{1,128}$/
/** 64 bits in decimal digits, as text: JSON numbers lose the last of them. */
const TOKEN = /^\d{1,20}$/

const wholeIn = (min: number, max: number): BodyField<number, false> => ({
  expected: `a whole number from ${min} to ${max}`,
  read: value =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined,
  required: false,
})

const textLike = (pattern: RegExp, expected: string): BodyField<string, false> => ({
  expected,
  read: value => (typeof value === 'string' && pattern.test(value) ? value : undefined),
  required: false,
})

const required = <T>(field: BodyField<T, false>): BodyField<T, true> => ({ ...field, required: true })

const typesField: BodyField<readonly string[], true> = {
  expected: `a list of 1 to ${CLAIM_TYPES_MAX} different types of tasks`,
  read: value => {
    if (!Array.isArray(value) || value.length === 0 || value.length > CLAIM_TYPES_MAX) return undefined
    const types = value.filter((type): type is string => typeof type === 'string' && TYPE.test(type))
    return new Set(types).size === value.length ? types : undefined
  },
  required: true,
}

const resultField: BodyField<Json, false> = {
  expected: 'any JSON',
  read: value => value as Json,
  required: false,
}

const progressField: BodyField<ProgressReport, false> = {
  expected: 'an object with fraction (0 to 1), or done and total, and a note',
  read: value => {
    const found = readProgress(value)
    return found.ok ? found.report : undefined
  },
  required: false,
}

const waitField = wholeIn(0, CLAIM_WAIT_MS_MAX)

export const CLAIM_FIELDS = {
  types: typesField,
  max: wholeIn(1, CLAIMS_AT_ONCE_MAX),
  waitMs: waitField,
  client: textLike(CLIENT, 'a name of 1 to 128 printable ASCII characters'),
} as const

/** What shows that a claim is one's own. */
export const OWN_FIELDS = {
  attempt: required(wholeIn(1, Number.MAX_SAFE_INTEGER)),
  token: required(textLike(TOKEN, 'the token of the claim: up to 20 decimal digits, as text')),
} as const

export const RENEW_FIELDS = {
  ...OWN_FIELDS,
  progress: progressField,
  waitMs: waitField,
} as const

export const COMPLETE_FIELDS = { ...OWN_FIELDS, result: resultField } as const

export const FAIL_FIELDS = {
  ...OWN_FIELDS,
  message: required(textLike(/^.{1,4000}$/s, `what went wrong, in 1 to ${FAILURE_CHARS_MAX} characters`)),
  retryable: {
    expected: 'true or false',
    read: (value: unknown) => (typeof value === 'boolean' ? value : undefined),
    required: false,
  },
} as const satisfies Readonly<Record<string, BodyField<unknown>>>

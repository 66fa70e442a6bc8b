import { CodedError, ERRORS } from '../base/errors.ts'

/**
 * How the command line shows an error to a person: one line that names it, then each single problem, nothing twice.
 * The detail must do for readers who get nothing else (a log line, a client that ignores `problems`), so it often holds
 * the problems already.
 */
export function errorLines(error: CodedError): string {
  const [first = '', ...rest] = error.detail.split('\n')
  const sentence = rest.length > 0 ? first.replace(/:$/, '.') : first
  if (rest.length > 0) return `${headOf(error, sentence)}${rest.join('\n')}\n`
  const told = error.problems.every(({ at, got }) => first.includes(at) && first.includes(got))
  if (error.code === 'USAGE' || (told && error.problems.length < 2)) return headOf(error, sentence)
  const list = error.problems.map(({ at, expected, got }) => `  ${at}: expected ${expected}, got ${got}\n`)
  return headOf(error, told ? `${list.length} problems.` : sentence) + list.join('')
}

function headOf(error: CodedError, sentence: string): string {
  return `roundtable: ${error.code}: ${ERRORS[error.code][1]} ${sentence} (${error.state})\n`
}

/** The same for a program: the fields of the API's problem documents. */
export function errorDocument(error: CodedError): { readonly error: object } {
  return {
    error: {
      code: error.code,
      title: ERRORS[error.code][1],
      detail: error.detail,
      state: error.state,
      problems: error.problems,
    },
  }
}

/** Is it open whether what was asked was done? */
export const mayBeDone = ({ code, state }: CodedError): boolean =>
  code === 'DEADLINE' || state.startsWith('Unknown')

/** The same error for a command that has done a part of its work already: that the daemon has gone then undoes nothing. */
export function afterSome(error: unknown): unknown {
  if (!(error instanceof CodedError) || error.code !== 'DAEMON_UNREACHABLE') return error
  return new CodedError('ANSWER_LOST', error.detail, { cause: error })
}

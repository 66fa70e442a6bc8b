import { type CodedError, ERRORS } from '../base/errors.ts'

/** How the command line shows an error to a person: one line that names it, then each single problem. */
export function errorLines(error: CodedError): string {
  const head = `roundtable: ${error.code}: ${ERRORS[error.code][1]} ${error.detail} (${error.state})\n`
  if (error.code === 'USAGE') return head
  return (
    head +
    error.problems.map(({ at, expected, got }) => `  ${at}: expected ${expected}, got ${got}\n`).join('')
  )
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

/** Characters of what a client sent that a refusal quotes. */
const SHOWN_MAX = 80

/** What came in a header or a path, as a refusal may quote it: short, and on one line. */
export function shown(given: string | readonly string[] | undefined): string {
  if (given === undefined) return 'none'
  return JSON.stringify(
    typeof given === 'string' ? given.slice(0, SHOWN_MAX) : given.join(', ').slice(0, SHOWN_MAX),
  )
}

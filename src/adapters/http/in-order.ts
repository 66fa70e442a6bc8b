/**
 * Works on several pieces at one time and gives the results in the order in which the pieces came. It reads no further
 * while so many are under way, so a slow worker holds back whoever sends; and it gives a result as soon as it is there,
 * though nothing more has come.
 */
export async function* inOrder<T, R>(
  source: AsyncIterable<T>,
  most: number,
  work: (piece: T) => Promise<R>,
): AsyncGenerator<R> {
  const pieces = source[Symbol.asyncIterator]()
  const underWay: Promise<R>[] = []
  const read = () => {
    const next = pieces.next()
    // Met below; until then it is nobody's fault that nobody listens.
    next.catch(() => undefined)
    return next
  }
  let next: Promise<IteratorResult<T>> | undefined = read()
  try {
    while (next !== undefined || underWay.length > 0) {
      const came: Promise<unknown> | undefined = underWay.length < most ? next : undefined
      const [first] = underWay
      await Promise.race([came, first].filter(each => each !== undefined))
      if (first !== undefined && (came === undefined || (await isSettled(first)))) {
        underWay.shift()
        yield await first
      } else if (next !== undefined) {
        const piece: IteratorResult<T> = await next
        next = piece.done === true ? undefined : read()
        if (piece.done === true) continue
        const result = work(piece.value)
        // Met when its turn comes, as above.
        result.catch(() => undefined)
        underWay.push(result)
      }
    }
  } finally {
    await pieces.return?.()
  }
}

const PENDING = Symbol('pending')

const isSettled = async (promise: Promise<unknown>): Promise<boolean> =>
  (await Promise.race([promise, PENDING])) !== PENDING

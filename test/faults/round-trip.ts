/**
 * How long a packet to another host and the answer to it take at least, in ms: by connections that the other one refuses.
 *
 *   node round-trip.ts ADDRESS PORT      nobody listens on that port
 */
import { connect } from 'node:net'

/** A busy machine makes one of them long, and never one short. */
const TIMES = 5

const [, , host = '', port = ''] = process.argv

function refusedAfterMs(): Promise<number> {
  const from = performance.now()
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => reject(new Error(`somebody listens on port ${port}`)))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(performance.now() - from)
      else reject(error)
    })
  })
}

let leastMs = Number.POSITIVE_INFINITY
for (let i = 0; i < TIMES; i++) leastMs = Math.min(leastMs, await refusedAfterMs())
console.log(leastMs.toFixed(2))

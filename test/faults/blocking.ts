/**
 * Blocks the event loop of a daemon through its inspector, as a long computation would.
 *
 *   node blocking.ts URL MS      says how long it was blocked, in ms
 */
const [, , url = '', ms = ''] = process.argv

/** Nothing of the daemon runs meanwhile: no timer, no socket, no answer. */
const expression = `{
  const begin = performance.now()
  while (performance.now() - begin < ${Number(ms)});
  performance.now() - begin
}`

const socket = new WebSocket(url)
socket.addEventListener('open', () =>
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } })),
)
socket.addEventListener('message', ({ data }) => {
  const { id, result } = JSON.parse(String(data)) as { id?: number; result?: { result: { value?: number } } }
  if (id !== 1) return
  console.log(`blocked ${result?.result.value}`)
  socket.close()
})
socket.addEventListener('error', () => {
  console.error(`no inspector at ${url}`)
  process.exitCode = 1
})

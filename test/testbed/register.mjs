// An outside witness of who acts for which key: a register on a unix socket (which network namespaces and their faults
// do not touch), with a ledger by its own clock (CLOCK_MONOTONIC in ms, which others can read too), and the actor that
// a task runs.
//   register.mjs serve --socket=PATH --out=FILE      says `listening`; FILE gets one line of JSON per sign of life
//   register.mjs act --socket=PATH [--ms=1000] [--beat=100] [--deaf]
//                                                    acts for --ms, every --beat ms, as the attempt of its environment
// The register keeps the highest token of each key and refuses what comes with a lower one, or with the same one from
// another node. An actor goes on although it is refused: the ledger is to show what would have happened. `start`, `act`
// and `stop` are what the actor said, `at` its own stamp of it (the register's where it gave none; the clock is one for
// all processes of a machine), `gone` is that it ended without a `stop`. The lines stand in the order of their arrival.
// Several actors may share a connection: each then gives a number of its own, `actor`.
// `../e2e/act-ledger.ts` judges a ledger.
import { appendFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

function serve ({ socket, out }) {
  const highest = new Map() // key -> { token, node }
  let actors = 0
  writeFileSync(out, '')
  const note = entry => appendFileSync(out, `${JSON.stringify({ at: Number(process.hrtime.bigint()) / 1e6, ...entry })}\n`)
  const admits = ({ key, token, node }) => {
    const known = highest.get(key)
    const mine = BigInt(token)
    if (known && (mine < known.token || (mine === known.token && node !== known.node))) return false
    highest.set(key, { token: mine, node })
    return true
  }
  const server = createServer(connection => {
    const here = new Map() // what the other side calls an actor -> who it is here
    const lines = createInterface({ input: connection })
    lines.on('error', () => {}) // A reset: it was killed with an answer unread. `close` follows.
    lines.on('line', line => {
      const { event, at, actor = 0, ...said } = JSON.parse(line)
      const who = here.get(actor) ?? { actor: ++actors, ...said }
      const accepted = admits(who)
      if (event === 'stop') here.delete(actor)
      else here.set(actor, who)
      note({ event, ...who, accepted, ...(at === undefined ? {} : { at }) })
      connection.write(`${JSON.stringify({ accepted })}\n`)
    })
    connection.on('close', () => { for (const who of here.values()) note({ event: 'gone', ...who, accepted: false }) })
  })
  server.listen(socket, () => console.log('listening'))
  process.on('SIGTERM', () => process.exit(0))
}

function act ({ socket, ms = 1000, beat = 100, deaf = false }) {
  const { ROUNDTABLE_TASK_KEY: key, ROUNDTABLE_TASK_TOKEN: token, ROUNDTABLE_TASK_NODE: node } = process.env
  const connection = connect(socket)
  const say = event => connection.write(`${JSON.stringify({ event, at: Number(process.hrtime.bigint()) / 1e6, key, token, node, pid: process.pid })}\n`)
  let beats
  let end
  const stop = () => {
    clearInterval(beats)
    clearTimeout(end)
    say('stop')
    connection.end() // The register closes its side once it has read all: an exit before that could lose the `stop`.
  }
  connection.on('connect', () => {
    say('start')
    beats = setInterval(() => say('act'), Number(beat))
    end = setTimeout(stop, Number(ms))
  })
  connection.on('close', () => process.exit(0))
  connection.on('error', error => {
    console.error(`the register at ${socket}: ${error.message}`)
    process.exit(1)
  })
  let refused = 0
  const lines = createInterface({ input: connection })
  lines.on('error', () => {}) // Told by the connection itself.
  lines.on('line', line => { if (!JSON.parse(line).accepted) refused++ })
  process.on('exit', () => console.log(JSON.stringify({ key, token, node, refused })))
  process.on('SIGTERM', () => { if (!deaf) stop() }) // Deaf: it goes on until it is killed.
}

const text = { type: 'string' }
const { values, positionals: [what] } = parseArgs({
  allowPositionals: true,
  options: { socket: text, out: text, ms: text, beat: text, deaf: { type: 'boolean' } }
})
if (what === 'serve') serve(values)
else if (what === 'act') act(values)
else throw new Error('register.mjs serve|act --socket=PATH')

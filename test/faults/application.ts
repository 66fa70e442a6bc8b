/**
 * An application beside a daemon: it asks its own node for the owner of each key, acts for those that it is given, and
 * obeys `actingUntilMs` to the millisecond. Every start, renewal and stop goes to the register with its own stamp.
 *
 *   node application.ts --url=http://127.0.0.1:7373 --socket=PATH --node=NAME --keys=64 [--every=400]
 */
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { monotonicMs } from './started.ts'

interface Answer {
  readonly acting: boolean
  readonly actingUntilMs?: number
  readonly token?: { readonly value: string }
}

const { values } = parseArgs({
  options: {
    url: { type: 'string', default: '' },
    socket: { type: 'string', default: '' },
    node: { type: 'string', default: '' },
    keys: { type: 'string', default: '64' },
    every: { type: 'string', default: '400' },
  },
})

const agent = new Agent({ keepAlive: true, maxSockets: 4 })
const register = connect(values.socket)
register.resume() // It also tells which signs were accepted; that stands in its ledger.
register.on('error', error => {
  console.error(`the register: ${error.message}`)
  process.exit(1)
})
register.on('close', () => process.exit(0))

let actors = 0

/** Acting for one key, at most once at a time. */
class Acting {
  readonly #key: string
  #token: string | undefined
  #actor = 0
  #end: NodeJS.Timeout | undefined

  constructor(key: string) {
    this.#key = key
  }

  told({ acting, actingUntilMs, token }: Answer): void {
    const leftMs = (actingUntilMs ?? 0) - Date.now()
    if (!acting || token === undefined || leftMs <= 0) {
      this.stop()
      return
    }
    if (this.#token !== token.value) this.stop()
    clearTimeout(this.#end)
    this.#end = setTimeout(() => this.stop(), leftMs)
    if (this.#token === undefined) this.#actor = ++actors
    const event = this.#token === undefined ? 'start' : 'act'
    this.#token = token.value
    this.#say(event)
  }

  stop(): void {
    clearTimeout(this.#end)
    if (this.#token !== undefined) this.#say('stop')
    this.#token = undefined
  }

  #say(event: 'start' | 'act' | 'stop'): void {
    const { pid } = process
    const sign = {
      event,
      at: monotonicMs(),
      actor: this.#actor,
      key: this.#key,
      token: this.#token,
      node: values.node,
      pid,
    }
    register.write(`${JSON.stringify(sign)}\n`)
  }
}

/** Undefined when there is nobody to ask. One that is frozen answers when it wakes. */
function ask(key: string): Promise<Answer | undefined> {
  return new Promise(resolve => {
    const request = get(`${values.url}/v1/owner/${encodeURIComponent(key)}`, { agent }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () =>
        resolve(response.statusCode === 200 ? (JSON.parse(text) as Answer) : undefined),
      )
    })
    request.on('error', () => resolve(undefined))
  })
}

async function follow(key: string, everyMs: number): Promise<never> {
  const acting = new Acting(key)
  await pause(Math.random() * everyMs)
  for (;;) {
    const answer = await ask(key)
    // Nobody to ask says nothing about the right it has.
    if (answer !== undefined) acting.told(answer)
    await pause(everyMs)
  }
}

for (let i = 0; i < Number(values.keys); i++) void follow(`app/${i}`, Number(values.every))

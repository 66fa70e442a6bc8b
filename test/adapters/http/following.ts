/** Real followers of events on a real server, and waiting for what they see. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { HttpLimits } from '../../../src/adapters/http/limits.ts'
import { createHttpServer, type HttpServer } from '../../../src/adapters/http/server.ts'
import { type SampleOptions, sample } from './sample-node.ts'

const servers: HttpServer[] = []
const ends: AbortController[] = []
export const sockets: Socket[] = []
after(async () => {
  for (const end of ends) end.abort()
  for (const socket of sockets) socket.destroy()
  await Promise.all(servers.map(server => server.stop()))
})

export interface Frame {
  readonly id: string | undefined
  readonly event: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Where a stream stands: all frames so far, and whether it has ended. */
export interface Followed {
  readonly frames: Frame[]
  readonly comments: string[]
  ended: boolean
  readonly leave: () => void
}

export async function running(options: SampleOptions = {}, limits: Partial<HttpLimits> = {}) {
  const node = sample(options)
  const server = createHttpServer(node.parts, limits)
  servers.push(server)
  const { url, port } = await server.start()
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(new RegExp(`^roundtable_${name} (\\S+)$`, 'm').exec(text)?.[1])
  }
  return { ...node, server, url, port, metric, log: node.parts.logger.log }
}

/** Follows until it is told to leave or the server ends it. Resolves when the head of the answer is there. */
export async function follow(
  url: string,
  query = '',
  headers: Record<string, string> = {},
): Promise<Followed> {
  const end = new AbortController()
  ends.push(end)
  const answer = await fetch(`${url}/v1/events${query}`, { headers, signal: end.signal })
  assert.equal(answer.status, 200)
  const seen: Followed = { frames: [], comments: [], ended: false, leave: () => end.abort() }
  void read(answer, seen)
  return seen
}

async function read(answer: Response, seen: Followed): Promise<void> {
  let rest = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of answer.body ?? []) {
      rest += decoder.decode(chunk, { stream: true })
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) take(block, seen)
    }
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error
  }
  seen.ended = true
}

function take(block: string, seen: Followed): void {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
  const body = field('data')
  if (body === undefined) seen.comments.push(block)
  else seen.frames.push({ id: field('id'), event: field('event') ?? '', body: JSON.parse(body) })
}

export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!(await holds())) {
    assert.ok(performance.now() < end, what)
    await pause(5)
  }
}

export const names = (followed: Followed) => followed.frames.map(({ body }) => body['event'])

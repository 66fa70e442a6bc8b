import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { OwnerAnswer } from '../../../src/node/status.ts'
import { follow, names, running, sockets, until } from './following.ts'
import { nodeId } from './sample-node.ts'
import { isProblem, schemaOf, subject } from './subject.ts'

test('a follower gets each event as it happens, with an id, its type and all of its fields', async () => {
  const { url, log } = await running()
  const followed = await follow(url)
  log('warn', 'member-dead', { member: 'node-2', source: 'verdict' })
  log('debug', 'link-down', {})
  log('info', 'ring-changed', { ring: 'abc' })
  await until('two events', () => followed.frames.length === 2)
  assert.deepEqual(followed.frames[0], {
    id: '3-1',
    event: 'member',
    body: {
      at: 1_790_000_000_000,
      type: 'member',
      level: 'warn',
      event: 'member-dead',
      fields: { member: 'node-2', source: 'verdict' },
    },
  })
  assert.deepEqual([followed.frames[1]?.id, followed.frames[1]?.event], ['3-2', 'ring'])
  for (const { body } of followed.frames) schemaOf('Event').parse(body)
})

test('a follower has a place to come back to before its first event, and misses nothing by it', async () => {
  const { url, log } = await running()
  for (const event of ['ready', 'member-dead']) log('info', event, {})
  const first = await follow(url)
  await until('the place', () => first.comments.length === 1)
  const [, place] = /^id: (.*)$/m.exec(first.comments[0] ?? '') ?? []
  assert.equal(place, '3-2')
  first.leave()
  log('info', 'task-succeeded', {})
  const second = await follow(url, '', { 'last-event-id': place })
  await until('what happened meanwhile', () => second.frames.length === 1)
  assert.deepEqual(names(second), ['task-succeeded'])
  // Whoever brings a place keeps it: a gap behind it is still to be told.
  assert.doesNotMatch(second.comments[0] ?? '', /^id:/m)
  const all = await follow(url, '?after=start')
  await until('its place', () => all.comments.length === 1)
  assert.match(all.comments[0] ?? '', /^id: 3-0$/m)
})

test('types that were not asked for are left out', async () => {
  const { url, log } = await running()
  const followed = await follow(url, '?types=task,grant')
  for (const event of ['member-dead', 'task-succeeded', 'ready', 'lease-lost', 'ring-changed'])
    log('info', event, {})
  await until('two events', () => followed.frames.length === 2)
  assert.deepEqual(names(followed), ['task-succeeded', 'lease-lost'])
})

test('whoever comes back with the id of its last event misses nothing and sees nothing twice', async () => {
  const { url, log } = await running()
  const first = await follow(url)
  for (let i = 1; i <= 5; i++) log('info', 'task-succeeded', { i })
  await until('five events', () => first.frames.length === 5)
  first.leave()
  for (let i = 6; i <= 9; i++) log('info', 'task-succeeded', { i })
  const second = await follow(url, '?after=start', { 'last-event-id': first.frames.at(-1)?.id ?? '' })
  log('info', 'task-succeeded', { i: 10 })
  await until('five more', () => second.frames.length === 5)
  assert.deepEqual(
    second.frames.map(({ body }) => (body['fields'] as { i: number }).i),
    [6, 7, 8, 9, 10],
  )
})

test('whoever comes back too late is told how many events are lost, and goes on from there', async () => {
  const { url, log, metric } = await running({ events: { eventsMax: 10 } })
  for (let i = 1; i <= 25; i++) log('info', 'task-succeeded', { i })
  const followed = await follow(url, '', { 'last-event-id': '3-4' })
  await until('gap and what is left', () => followed.frames.length === 11)
  const [gap, next] = followed.frames
  assert.deepEqual(gap, {
    id: '3-15',
    event: 'gap',
    body: { after: '3-4', reason: 'too-old', lost: 11 },
  })
  assert.equal(next?.id, '3-16')
  assert.equal(await metric('event_gaps_total'), 1)
})

test('an id of another life of the node, or of an event that never was, is a gap too, and says which', async () => {
  const { url, log } = await running()
  log('info', 'ready', {})
  // A directory that was emptied begins with the same boot number again.
  const reasons = { '2-1': 'other-boot', '3.0a1b2c-1': 'other-boot', '3-2': 'ahead', '3-99999': 'ahead' }
  for (const [id, reason] of Object.entries(reasons)) {
    const followed = await follow(url, '', { 'last-event-id': id })
    await until('the gap and the event', () => followed.frames.length === 2)
    const [gap, next] = followed.frames
    assert.deepEqual(
      [gap?.event, gap?.body['reason'], gap?.body['after'], next?.id],
      ['gap', reason, id, '3-1'],
    )
    assert.match(String(gap?.body['detail']), reason === 'ahead' ? /not come/ : /started anew/)
  }
})

test('without following, what is kept is given and the answer ends', async () => {
  const { ask, parts } = await subject()
  for (const event of ['ready', 'member-dead']) parts.logger.log('info', event, {})
  const answer = await ask('/v1/events?follow=false')
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8')
  assert.deepEqual(
    [...answer.body.matchAll(/^id: (.*)$/gm)].map(match => match[1]),
    ['3-0', '3-1', '3-2'],
  )
  const later = await ask('/v1/events?follow=false&after=3-1')
  assert.deepEqual(
    [...later.body.matchAll(/^id: (.*)$/gm)].map(match => match[1]),
    ['3-2'],
  )
  assert.equal((await ask({ method: 'HEAD', url: '/v1/events' })).body, '')
})

/** A node whose answers about owners the test turns. */
function turning() {
  const view = { version: '1', owner: 'node-1', acting: true, token: '5', looks: 0, answers: 0 }
  const lookAtOwner = (key: string): OwnerAnswer => {
    view.looks++
    return {
      key,
      owner: view.owner === '' ? undefined : nodeId,
      mine: view.acting,
      addresses: [],
      ringChecksum: 'abc',
      mode: 'quorum',
      acting: view.acting,
      ...(view.acting ? { actingUntilMs: 9, actingForMs: 9, token: { value: view.token, safe: true } } : {}),
    }
  }
  const owner = (key: string): OwnerAnswer => {
    view.answers++
    return lookAtOwner(key)
  }
  return { view, node: { owner, lookAtOwner, ownersVersion: () => view.version } }
}

test('a followed key is told at once, and whenever its owner, acting or token changes', async () => {
  const { view, node } = turning()
  const { url } = await running({ node }, { eventWatchMs: 10 })
  const followed = await follow(url, '?types=member&key=a/b&key=a/b')
  const fields = (i: number) => followed.frames[i]?.body['fields'] as OwnerAnswer
  await until('the first', () => followed.frames.length === 1)
  assert.deepEqual([followed.frames[0]?.event, followed.frames[0]?.id], ['owner', undefined])
  assert.deepEqual([fields(0).key, fields(0).token?.value], ['a/b', '5'])
  schemaOf('Event').parse(followed.frames[0]?.body)
  schemaOf('Owner').parse(fields(0))
  view.token = '6'
  await until('the token', () => followed.frames.length === 2)
  // No version tells that a right has run out.
  view.acting = false
  await until('the right', () => followed.frames.length === 3)
  view.owner = ''
  view.version = '2'
  await until('the owner', () => followed.frames.length === 4)
  assert.deepEqual([fields(1).token?.value, fields(2).acting, fields(3).owner], ['6', false, null])
  assert.deepEqual(names(followed), ['owner-is', 'owner-changed', 'owner-changed', 'owner-changed'])
})

test('a key whose right cannot run out is asked for again only after a change of the view', async () => {
  const { view, node } = turning()
  view.acting = false
  const { url } = await running({ node }, { eventWatchMs: 5 })
  const followed = await follow(url, '?key=k')
  await until('the first', () => followed.frames.length === 1)
  await until('it settles', async () => {
    const before = view.looks
    await pause(50)
    return view.looks === before
  })
  const { looks } = view
  view.version = '2'
  await until('it looks again', () => view.looks > looks)
})

test('a look that finds nothing new answers nobody: the node is bound only by what it says', async () => {
  const { view, node } = turning()
  const { url } = await running({ node }, { eventWatchMs: 5 })
  const followed = await follow(url, '?key=a&key=b')
  await until('both', () => followed.frames.length === 2)
  await until('many looks', () => view.looks > 100)
  assert.equal(view.answers, 2)
  view.token = '6'
  await until('both again', () => followed.frames.length === 4)
  assert.equal(view.answers, 4)
})

test('a follower of few types comes back with an id that is not too old', async () => {
  const { url, log } = await running({ events: { eventsMax: 100 } }, { eventHeartbeatMs: 20 })
  const followed = await follow(url, '?types=grant')
  for (let i = 0; i < 500; i++) log('info', 'task-succeeded', { i })
  await until('a beat with the last id', () => followed.comments.some(text => text.includes('id: 3-500')))
  assert.deepEqual(followed.frames, [])
})

test('a reader too slow for the buffer is cut off with a last word, and costs no memory meanwhile', async () => {
  const { port, log, metric } = await running({ events: { eventsMax: 50 } })
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let text = ''
  socket.on('data', chunk => {
    text += chunk.toString('latin1')
  })
  socket.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('the stream is open', () => text.includes('retry:'))
  socket.pause()
  const filler = 'x'.repeat(4_000)
  // Whatever the buffers of the two sockets hold, they are full in the end.
  let sent = 0
  await until('it is left behind', async () => {
    for (let i = 0; i < 500; i++) log('info', 'task-succeeded', { i: sent++, filler })
    await pause(1)
    return sent > 20_000
  })
  socket.resume()
  await until('it is cut off', async () => (await metric('event_streams_cut_off_total')) === 1)
  await until('the last word', () => text.includes('event: cut-off'))
  const last = /event: cut-off\r?\ndata: (.*)/.exec(text)?.[1] ?? ''
  assert.ok(JSON.parse(last).lost > 0, last)
  assert.ok((await metric('events_kept')) <= 50)
  assert.equal(await metric('event_streams'), 0)
})

test('a reader that takes nothing is cut off after a while, though nothing is lost yet', async () => {
  const { port, log, metric } = await running({}, { eventHeartbeatMs: 20, eventStallMs: 100 })
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.write('GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await until('the stream is open', async () => (await metric('event_streams')) === 1)
  socket.pause()
  await until('it is cut off', async () => {
    for (let i = 0; i < 200; i++) log('info', 'task-succeeded', { filler: 'x'.repeat(4_000) })
    return (await metric('event_streams_cut_off_total')) === 1
  })
})

test('a burst larger than the buffer, in one go, loses nothing for a reader that keeps up', async () => {
  const { url, log } = await running({ events: { eventsMax: 100 } })
  const followed = await follow(url)
  // Small enough for the buffers of a socket, which in one go nobody reads from.
  for (let i = 1; i <= 120; i++) log('info', 'x', {})
  await until('all of them', () => followed.frames.length === 120)
  assert.equal(followed.frames.at(-1)?.id, '3-120')
})

test('one follower too many is refused, and has room when another has gone', async () => {
  const { url, metric } = await running({}, { eventStreamsMax: 2 })
  const first = await follow(url)
  await follow(url)
  const refused = await fetch(`${url}/v1/events`)
  assert.equal(refused.status, 503)
  assert.equal(((await refused.json()) as { code: string }).code, 'OVERLOADED')
  assert.equal(await metric('event_streams_refused_total'), 1)
  first.leave()
  await until('one has gone', async () => (await metric('event_streams')) === 1)
  await follow(url)
})

test('a stop ends every stream with a word, and does not wait for its readers', async () => {
  const { url, log, server } = await running({}, { stopMs: 30_000 })
  const followed = await follow(url)
  log('info', 'leaving', {})
  const started = performance.now()
  await server.stop()
  assert.ok(performance.now() - started < 5_000)
  await until('the end', () => followed.ended)
  assert.deepEqual(
    followed.frames.map(({ event }) => event),
    ['member', 'end'],
  )
})

test('all that is wrong with the question is said at once', async () => {
  const { ask } = await subject()
  const problem = isProblem(await ask('/v1/events?types=member,x&follow=no&after=7&what=1'), 'BAD_REQUEST')
  assert.equal((problem['problems'] as unknown[]).length, 4)
  const many = Array.from({ length: 101 }, (_, i) => `key=k${i}`).join('&')
  for (const query of ['types=owner', 'types=', many, 'key=', 'key=a%00b', 'after=start&after=x'])
    isProblem(await ask(`/v1/events?${query}`), 'BAD_REQUEST')
  const bad = { url: '/v1/events', headers: { 'last-event-id': 'x-1' } }
  isProblem(await ask(bad), 'BAD_REQUEST')
})

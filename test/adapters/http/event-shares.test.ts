/** Followers of a node on which tasks happen by the thousand, and something else now and then. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { EventStream } from '../../../src/adapters/http/event-stream.ts'
import { wallOf } from '../../../src/base/time.ts'
import { EventLog, type EventType } from '../../../src/runtime/events.ts'
import { follow, names, running, until } from './following.ts'
import { sample } from './sample-node.ts'

test('a flood of tasks costs nobody the other events, and no follower of these is told of a loss', async () => {
  const { url, log, metric } = await running({ events: { eventsMax: 10 } })
  log('info', 'ready', {})
  log('warn', 'member-dead', { member: 'node-2' })
  for (let i = 1; i <= 500; i++) log('info', 'task-succeeded', { i })
  log('info', 'lease-lost', {})
  const rare = await follow(url, '?types=member,grant', { 'last-event-id': '3-1' })
  await until('both', () => rare.frames.length === 2)
  assert.deepEqual(names(rare), ['member-dead', 'lease-lost'])
  assert.equal(await metric('event_gaps_total'), 0)
  // Who follows everything has missed tasks, and is given what there is, nothing of it twice.
  const all = await follow(url, '?follow=false', { 'last-event-id': '3-1' })
  await until('the end', () => all.ended)
  const [gap, ...kept] = all.frames
  assert.deepEqual(gap?.body, { after: '3-1', reason: 'too-old', lost: 490 })
  assert.equal(gap?.id, '3-1')
  const ids = ['3-2', ...Array.from({ length: 10 }, (_, i) => `3-${493 + i}`), '3-503']
  assert.deepEqual(
    kept.map(({ id }) => id),
    ids,
  )
  assert.equal(await metric('event_gaps_total'), 1)
  // A follower that had the last task has missed nothing of what came since.
  const later = await follow(url, '?follow=false', { 'last-event-id': '3-492' })
  await until('the end', () => later.ended)
  assert.deepEqual(
    later.frames.map(({ event }) => event),
    [...Array.from({ length: 10 }, () => 'task'), 'grant'],
  )
})

test('everything that is kept is given from the start, over the holes in it, to one who stays too', async () => {
  const { url, log } = await running({ events: { eventsMax: 10 } })
  log('info', 'ready', {})
  for (let i = 1; i <= 50; i++) log('info', 'task-succeeded', { i })
  const followed = await follow(url, '?after=start')
  await until('what is kept', () => followed.frames.length === 11)
  log('info', 'member-dead', {})
  await until('what comes', () => followed.frames.length === 12)
  assert.deepEqual([followed.frames[0]?.id, followed.frames[1]?.id, followed.ended], ['3-1', '3-42', false])
})

test('a slow reader that asked for few types is cut off only when one of these is gone', async () => {
  const events = new EventLog('3', { eventsMax: 10 })
  const sent: string[] = []
  let held: (() => void) | undefined
  let isHeld = false
  const write = (text: string, _: unknown, done: () => void): void => {
    sent.push(text)
    if (isHeld) held = done
    else done()
  }
  const out = new Writable({ highWaterMark: 1, decodeStrings: false, write })
  const ends: string[] = []
  const query = { types: new Set<EventType>(['grant']), keys: [], after: undefined, follow: true }
  const stream = new EventStream({
    ...{ events, node: sample().parts.node, query, out: out as unknown as ServerResponse, clock: () => 0 },
    gap: () => assert.fail('there was none'),
    ended: why => ends.push(why),
  })
  const add = (event: string, count: number): void => {
    for (let i = 0; i < count; i++) events.add('info', event, {}, wallOf(1))
    stream.pump()
  }
  const takesAgain = (): void => {
    isHeld = false
    held?.()
  }
  stream.start()
  await until('it may write', () => stream.stuckSince === undefined)
  isHeld = true
  add('lease-lost', 2)
  add('task-succeeded', 100)
  assert.notEqual(stream.stuckSince, undefined)
  takesAgain()
  await until('both', () => sent.filter(text => text.includes('lease-lost')).length === 2)
  await until('it may write again', () => stream.stuckSince === undefined)
  assert.deepEqual(ends, [])
  isHeld = true
  add('lease-lost', 2)
  add('lease-lost', 20)
  takesAgain()
  await until('the end', () => ends.length > 0)
  assert.deepEqual(ends, ['cut-off'])
  assert.match(sent.at(-1) ?? '', /^event: cut-off\ndata: .*"lost":11,"last":"3-103"/)
})

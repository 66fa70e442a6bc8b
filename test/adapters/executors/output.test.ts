import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OutputHead, OutputTail } from '../../../src/adapters/executors/output.ts'

const chunks = fc.array(fc.string({ maxLength: 30 }), { maxLength: 20 })

test('the head is the beginning of everything, and it says when something did not fit', () => {
  fc.assert(
    fc.property(chunks, fc.integer({ min: 1, max: 60 }), (texts, max) => {
      const head = new OutputHead(max)
      const fitted = texts.map(text => head.append(Buffer.from(text)))
      const all = Buffer.from(texts.join(''))
      assert.equal(head.text(), all.subarray(0, max).toString())
      assert.equal(head.length, Math.min(max, all.length))
      assert.equal(fitted.every(Boolean), all.length <= max)
    }),
  )
})

test('the tail is the end of everything, and it counts what it dropped', () => {
  fc.assert(
    fc.property(chunks, fc.integer({ min: 1, max: 60 }), (texts, max) => {
      const tail = new OutputTail(max)
      for (const text of texts) tail.append(Buffer.from(text))
      const all = texts.join('')
      assert.equal(tail.text(), all.slice(Math.max(0, all.length - max)))
      assert.equal(tail.cutBytes, Math.max(0, all.length - max))
    }),
  )
})

test('a tail that begins inside a character begins with the next one', () => {
  const tail = new OutputTail(5)
  tail.append(Buffer.from('ab€€')) // The euro sign has three bytes: the cut is inside the first.
  assert.equal(tail.text(), '€')
})

test('bytes that are not UTF-8 are replaced, and a byte order mark stays', () => {
  const head = new OutputHead(100)
  head.append(Buffer.from([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xfe, 0x62]))
  assert.equal(head.text(), '\ufeffa\ufffd\ufffdb')
})

test('a million one-byte pieces cost no more than their bytes', () => {
  const head = new OutputHead(1024 * 1024)
  const byte = Buffer.from('x')
  for (let i = 0; i < 1024 * 1024; i++) assert.equal(head.append(byte), true)
  assert.equal(head.append(byte), false)
  assert.equal(head.length, 1024 * 1024)
})

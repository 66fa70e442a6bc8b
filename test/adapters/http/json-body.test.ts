import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonRefused, parseJsonBody } from '../../../src/adapters/http/json-body.ts'

/** What reading it costs, in microseconds of this process. */
function cpuOf(text: string): number {
  const body = Buffer.from(text)
  const before = process.cpuUsage()
  parseJsonBody(body, 8)
  const { user, system } = process.cpuUsage(before)
  return user + system
}

test('looking for whole numbers that would change does not hold the node up', () => {
  const cheapest = (last: string) =>
    Math.min(...[1, 2, 3].map(() => cpuOf(`[${'1,'.repeat(200_000)}${last}]`)))
  const [plain, long] = [cheapest('1'), cheapest('"1234567890123456"')]
  assert.ok(long < 10 * plain, `${long} against ${plain} microseconds`)
})

test('only whole numbers are meant, outside of strings, however they are written', () => {
  const good = ['9007199254740991', '-9007199254740991', '1234567890123456789e3', '1e+123']
  const text = ['"a\\"12345678901234567890"', '{"12345678901234567890":1}', `"${'a'.repeat(2_000_000)}"`]
  for (const one of [...good, '0.12345678901234567890', ...text])
    assert.doesNotThrow(() => parseJsonBody(Buffer.from(one), 8), one.slice(0, 40))
  for (const bad of ['9007199254740992', '[1,-12345678901234567890 ]', '{"a\\\\":12345678901234567891}'])
    assert.throws(() => parseJsonBody(Buffer.from(bad), 8), /Expected whole numbers within 2\^53/, bad)
  for (const bad of ['1e+12345678901234567', '[-1e400]'])
    assert.throws(() => parseJsonBody(Buffer.from(bad), 8), /Expected numbers within 1\.8e308/, bad)
})

test('of a list it is said which value is refused, and of what is refused what it is', () => {
  const refusal = (text: string): [string, unknown] => {
    try {
      parseJsonBody(Buffer.from(text), 8)
    } catch (error) {
      if (error instanceof JsonRefused) return [error.detail, error.value]
    }
    throw new Error('it was not refused')
  }
  const twice = 'Expected each name once in an object, got "id" twice.'
  const large = '{"id":"b, [","n":[1,{"m":9007199254740993}]}'
  assert.deepEqual(refusal(`[ {"id":"a]"} ,"{\\"", ${large}, {"id":"c","id":"d"}]`), [
    'Entry 3 of the list: Expected whole numbers within 2^53 (larger ones as text), got 9007199254740993.',
    JSON.parse(large),
  ])
  assert.deepEqual(refusal('[[],{},{"id":"c","id":"d"}]'), [`Entry 3 of the list: ${twice}`, undefined])
  assert.deepEqual(refusal('{"id":"c","id":"d"}'), [twice, undefined])
  assert.deepEqual(
    refusal('[1,{"__proto__":[]}]')[0],
    'Entry 2 of the list: Expected JSON without the key __proto__.',
  )
  assert.deepEqual(refusal('{"id":"e","n":1e999}'), [
    'Expected numbers within 1.8e308 (larger ones as text), got 1e999.',
    { id: 'e', n: Number.POSITIVE_INFINITY },
  ])
})

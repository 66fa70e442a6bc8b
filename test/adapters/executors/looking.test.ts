/** What can be seen of commands and requests while they run: their progress, and the end of what they printed. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { AttemptLook } from '../../../src/tasks/messages.ts'
import { failureOf, metric, orderOf, pidIn, resultOf, type Scene, scene, until, untilDead } from './scene.ts'

const never = new AbortController().signal
const KIB = 1024

async function lookUntil(
  { executors }: Scene,
  claim: string,
  holds: (look: AttemptLook) => boolean,
): Promise<AttemptLook> {
  let seen: AttemptLook | undefined
  let looking = false
  return await until(claim, () => {
    if (!looking) {
      looking = true
      void executors.look(orderOf('exec', null).task, 1, 16 * KIB).then(look => {
        seen = look
        looking = false
      })
    }
    return seen !== undefined && holds(seen) ? seen : undefined
  })
}

test('a command says how far it is on a descriptor of its own, and its result holds nothing of that', async t => {
  const stage = scene(t)
  const script = `echo 0.25 >&$ROUNDTABLE_TASK_PROGRESS_FD; echo out
    until [ -e "$1/go" ]; do sleep 0.01; done
    echo '{"done":3,"total":4,"note":"layers"}' >&3`
  const running = stage.sh(script)
  const look = await lookUntil(stage, 'its first word is known', ({ progress }) => progress !== undefined)
  assert.equal(look.running, true)
  assert.equal(look.progress?.fraction, 0.25)
  assert.ok(Math.abs((look.progress?.at ?? 0) - Date.now()) < 30_000)
  await stage.executors.execute(
    orderOf('exec', { command: 'sh', args: ['touch "$1/go"', 'sh', stage.directory] }, { attempt: 2 }),
    never,
  )
  assert.equal(resultOf(await running)['stdout'], 'out\n')
  const after = await stage.executors.look(orderOf('exec', null).task, 1, KIB)
  assert.equal(after?.running, false)
  assert.deepEqual(
    { ...after?.progress, at: 0 },
    { fraction: 0.75, done: 3, total: 4, note: 'layers', at: 0 },
  )
})

test('a word that is no progress is logged once, and harms nothing', async t => {
  const stage = scene(t)
  const outcome = await stage.sh(
    'for i in 1 2 3; do echo much >&3; done; head -c 1000000 /dev/zero >&3; echo 0.5 >&3',
  )
  assert.ok(outcome.ok)
  assert.equal(stage.log.count('progress-refused'), 1)
  const { fields } = stage.log.lines.find(({ event }) => event === 'progress-refused') ?? {}
  assert.deepEqual([fields?.['task'], fields?.['attempt']], ['task-1', 1])
  assert.match(String(fields?.['detail']), /got "much"/)
})

test('a command that reports without end costs a few reports a second', async t => {
  const stage = scene(t)
  const outcome = await stage.sh('i=0; while [ $i -lt 20000 ]; do echo $i/20000 >&3; i=$((i+1)); done')
  assert.ok(outcome.ok)
  const look = await stage.executors.look(orderOf('exec', null).task, 1, 0)
  assert.equal(look?.progress?.done, 19_999, 'the last word is the one that stays')
})

test('a word that is nested without end harms neither the runner nor what else it runs', async t => {
  const { sh, log, executors } = scene(t)
  const other = sh('while [ ! -e "$1/said" ]; do sleep 0.02; done; echo fine')
  const levels = 30_000
  const script = `const n = ${levels}; require('fs').writeSync(3, '{"note":' + '['.repeat(n) + ']'.repeat(n) + '}\\n')`
  const end = await sh(`"${process.execPath}" -e "$(cat)" && touch "$1/said"`, {}, undefined, script)
  assert.ok(end.ok, JSON.stringify(end))
  assert.equal((await other).ok, true)
  assert.deepEqual([log.count('progress-refused'), metric(executors, 'runner_losses_total')], [1, 0])
})

test('who holds the descriptor of progress open does not hold up the end of the command', async t => {
  const stage = scene(t)
  const begun = performance.now()
  const outcome = await stage.sh('sleep 600 >/dev/null 2>&1 & echo $! > "$1/left"; echo done')
  assert.equal(resultOf(outcome)['stdout'], 'done\n')
  assert.ok(performance.now() - begun < 5_000)
  await untilDead(await pidIn(`${stage.directory}/left`))
})

test('the end of what a command prints is seen while it runs, and after it has failed', async t => {
  const stage = scene(t)
  const script = `i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo oops >&2
    until [ -e "$1/go" ]; do sleep 0.01; done; echo end >&2; exit 3`
  const running = stage.sh(script)
  const look = await lookUntil(stage, 'all is printed', ({ stderr }) => stderr?.text === 'oops\n')
  assert.ok(look.stdout)
  assert.ok(look.stdout.text.endsWith('line 2999\n'))
  assert.equal(Buffer.byteLength(look.stdout.text), 16 * KIB)
  const whole = Array.from({ length: 3_000 }, (_, i) => `line ${i}\n`).join('').length
  assert.equal(look.stdout.cutBytes, whole - 16 * KIB)
  await stage.executors.execute(
    orderOf('exec', { command: 'sh', args: ['touch "$1/go"', 'sh', stage.directory] }, { attempt: 2 }),
    never,
  )
  assert.equal(failureOf(await running).code, 'EXIT_NONZERO')
  const after = await stage.executors.look(orderOf('exec', null).task, 1, 100)
  assert.equal(after?.stderr?.text, 'oops\nend\n')
  assert.equal(after?.stdout?.text.length, 100)
  assert.equal(after?.stdout?.cutBytes, whole - 100)
})

test('an attempt that nobody knows shows nothing', async t => {
  const { executors } = scene(t)
  assert.equal(await executors.look(orderOf('exec', null).task, 7, KIB), undefined)
})

test('an http task tells the application where to report, as long as it runs', async t => {
  const urls: (string | undefined)[] = []
  const waiting = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    urls.push(request.headers['roundtable-task-progress-url'] as string | undefined)
    await waiting.promise
    response.end('ok')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { executors } = scene(t, { allow: [origin] })
  executors.servedAt('http://127.0.0.1:7373')
  const order = orderOf('http', { url: `${origin}/work` })
  const running = executors.execute(order, never)
  const url = await until('the application was asked', () => urls[0])
  const address = url.slice('http://127.0.0.1:7373/v1/progress/'.length)
  assert.equal(executors.report(address, { done: 1, total: 2 }), true)
  assert.equal((await executors.look(order.task, 1, KIB))?.progress?.done, 1)
  waiting.resolve()
  assert.ok((await running).ok)
  assert.equal(executors.report(address, { fraction: 1 }), false)
})

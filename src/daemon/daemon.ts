/**
 * The composition root: reads the disk, opens the sockets, makes one node of all parts, and takes it down in order.
 *
 * Everything that can be wrong with configuration, disk, key or ports is found before the first frame is sent, and is
 * thrown as a coded error with nothing left behind. After that only a failed disk or a bug ends the process by itself.
 */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createExecutors } from '../adapters/executors/executors.ts'
import { clearLeftovers } from '../adapters/executors/leftovers.ts'
import { createHttpServer } from '../adapters/http/server.ts'
import { loadIdentity } from '../adapters/libp2p/identity.ts'
import { createTransport } from '../adapters/libp2p/transport.ts'
import { type DataDirectory, openDataDirectory, STORE_FILE } from '../adapters/storage/data-directory.ts'
import { openStore, type SqliteStore } from '../adapters/storage/store.ts'
import { createClock } from '../adapters/system/clock.ts'
import { createLogger, type DaemonLogger } from '../adapters/system/logger.ts'
import { onTermination } from '../adapters/system/signals.ts'
import type { Now } from '../base/time.ts'
import type { Config } from '../config/config.ts'
import type { VoterList } from '../grants/messages.ts'
import type { NodeInit } from '../node/init.ts'
import { Node } from '../node/node.ts'
import { Driver } from '../runtime/driver.ts'
import { EventLog, teeLogger } from '../runtime/events.ts'
import { createFace } from '../runtime/face.ts'
import type { Logger, Transport } from '../runtime/ports.ts'
import type { TaskRecord } from '../tasks/task.ts'
import { Closing } from './closing.ts'
import { earlyInputs } from './early-inputs.ts'
import { Reload, type ReloadParts, type ReloadSource } from './reload.ts'
import { offerTaskLists, readTaskLists } from './task-lists.ts'
import { recordTrace } from './trace.ts'
import { packageVersion } from './version.ts'
import { checkVoters } from './voters-check.ts'

export interface DaemonOptions {
  /** Records every input of the core to this new file (NDJSON), for replay. */
  readonly traceFile?: string
  /** Where the configuration is read again on SIGHUP and when its file changes; without it, it is read once. */
  readonly reload?: ReloadSource
}

/**
 * Runs a daemon until it has left the cluster (SIGTERM, `POST /v1/leave`) or cannot go on.
 * @returns the exit code: 0 after a leave, 1 after a failure that was logged
 * @throws CodedError when it cannot start; nothing stays open then
 */
export async function runDaemon(config: Config, options: DaemonOptions = {}): Promise<number> {
  const closing = new Closing()
  try {
    return await run(config, options, closing)
  } finally {
    await closing.close()
  }
}

async function run(config: Config, options: DaemonOptions, closing: Closing): Promise<number> {
  const clock = createClock()
  const lines = createLogger({ level: config.log.level, nodeId: config.nodeId })
  closing.add('logger', async () => lines.flush())
  const lists = await readTaskLists(config, lines)
  const directory = await openDataDirectory(config.dataDir, {
    beforeBoot: path => clearLeftovers({ directory: path, logger: lines }),
  })
  closing.add('data directory', () => directory.close())
  const events = new EventLog(directory.boot)
  const logger = teeLogger(lines, events, clock)
  const identity = await loadIdentity(directory.path)
  const store = await openNodeStore(directory, logger)
  closing.add('store', () => store.close())
  const stored = await storedIn(store, config)
  const { transport: peers, cluster } = config
  const transport = await createTransport({ config: peers, cluster, identity, logger })
  closing.add('transport', () => transport.stop())
  // Opened later, so closed sooner: peers take a closed port for the end of all that this process had started.
  const executors = createExecutors({ config: config.executors, logger, dataDir: directory.path })
  closing.add('executors', () => executors.stop())

  const early = earlyInputs()
  const addresses = await transport.start(early.enqueue)
  logger.log('info', 'listening', { addresses, peerId: transport.peer, boot: directory.boot })
  const init = nodeInit(config, {
    transport,
    directory,
    addresses,
    ...stored,
    check: executors.check.bind(executors),
  })
  const bornAt = clock.now()
  const node = new Node(init, bornAt)
  const failed = Promise.withResolvers<never>()
  // Awaited at the end of this function; a failure before that must not count as unhandled meanwhile.
  failed.promise.catch(() => undefined)
  const trace = options.traceFile ? openTrace(options.traceFile, init, bornAt, logger, closing) : undefined
  const fatal = (error: unknown) => failed.reject(error)
  const driver = new Driver({ machine: node, clock, transport, store, executors, logger, fatal, ...trace })
  closing.add('driver', async () => driver.stop())
  early.deliverTo(driver.enqueue)

  const face = createFace({ node, driver, clock, transport, store, executors, leaveMs: config.leaveMs })
  const http = createHttpServer({ config: config.http, node: face, logger, events, defaults: config.tasks })
  closing.add('http', () => http.stop())
  const { url } = await http.start()
  logger.log('info', 'http-listening', { url })
  sayMode(config, logger)
  driver.start()
  offerTaskLists(lists, driver.enqueue)
  const reload = new Reload({
    ...{ source: options.reload, config, logger, fatal },
    apply: appliers(lines, driver),
    hasVoterList: () => node.grants?.voters.list !== undefined,
  })
  closing.add('reload', async () => reload.stop())
  closing.add('signals', handleSignals(driver, reload, config.leaveMs, logger))
  return await untilOver(driver, failed.promise, logger)
}

/** Said aloud at start, since it is what people expect least. */
function sayMode({ grants }: Config, logger: Logger): void {
  if (grants.mode !== 'available') return
  const detail = 'every side of a partition keeps working: work may run on both'
  logger.log('warn', 'mode-available', { detail })
}

/** What a reload can change in a daemon that runs. */
function appliers(lines: DaemonLogger, driver: Driver): ReloadParts['apply'] {
  return {
    'log.level': found => lines.setLevel(found.log.level),
    seeds: found => driver.enqueue({ kind: 'seeds', seeds: found.seeds }),
    weight: async found => (await driver.control({ kind: 'weight', weight: found.weight })).ok,
  }
}

/** SIGTERM and SIGINT are a leave, a second one ends at once; SIGHUP is a reload. Returns what takes the handlers away. */
function handleSignals(
  driver: Driver,
  reload: Reload,
  deadlineMs: number,
  logger: Logger,
): () => Promise<void> {
  const stopListening = onTermination({
    first(signal) {
      logger.log('info', 'signal', { signal })
      driver.enqueue({ kind: 'leave', deadlineMs })
    },
    hangup() {
      logger.log('info', 'signal', { signal: 'SIGHUP' })
      void reload.request('signal')
    },
  })
  return async () => stopListening()
}

/** Opens the store, and says so when a node that has lived before finds none. */
async function openNodeStore(directory: DataDirectory, logger: Logger): Promise<SqliteStore> {
  const path = directory.file(STORE_FILE)
  if (directory.boot > 1 && !existsSync(path)) {
    const detail = `${path} is gone: what this node had accepted and no other holds is lost`
    logger.log('warn', 'store-missing', { boot: directory.boot, detail })
  }
  return await openStore(path)
}

/** What the core was told to keep. */
async function storedIn(
  store: SqliteStore,
  { grants, dataDir }: Config,
): Promise<Pick<NodeInit, 'records' | 'voter'>> {
  const voter = voterOf(await store.load('grants'))
  checkVoters(grants, voter.voters, dataDir)
  return { records: (await store.load('tasks')).map(row => row.value as TaskRecord), voter }
}

async function untilOver(driver: Driver, failed: Promise<never>, logger: Logger): Promise<number> {
  try {
    await Promise.race([driver.left, failed])
    logger.log('info', 'stopped', {})
    return 0
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    logger.log('error', 'fatal', { detail })
    return 1
  }
}

function nodeInit(
  config: Config,
  found: {
    transport: Transport
    directory: { boot: number; incarnation: number }
    addresses: readonly string[]
    records: readonly TaskRecord[]
    voter: NodeInit['voter']
    check: NodeInit['check']
  },
): NodeInit {
  return {
    nodeId: config.nodeId,
    peerId: found.transport.peer,
    cluster: config.cluster,
    version: packageVersion(),
    incarnation: found.directory.incarnation,
    boot: found.directory.boot,
    addresses: found.addresses,
    seeds: config.seeds,
    weight: config.weight,
    joinDelayMs: config.joinDelayMs,
    membership: config.membership,
    ring: config.ring,
    tasks: config.tasks,
    grants: config.grants,
    voter: found.voter,
    check: found.check,
    records: found.records,
    seed: randomInt(2 ** 47),
  }
}

/** What a voter may never forget. */
function voterOf(rows: readonly { readonly key: string; readonly value: unknown }[]): NodeInit['voter'] {
  const value = (key: string) => rows.find(row => row.key === key)?.value
  return {
    top: value('top') as number | undefined,
    voters: value('voters') as VoterList | undefined,
    promiseMs: value('promiseMs') as number | undefined,
  }
}

function openTrace(path: string, init: NodeInit, bornAt: Now, logger: Logger, closing: Closing) {
  const trace = recordTrace(path, init, bornAt, error => {
    logger.log('error', 'trace-failed', { path, detail: error.message })
  })
  closing.add('trace', () => trace.close())
  return { trace: trace.input }
}

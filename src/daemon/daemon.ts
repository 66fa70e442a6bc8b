/**
 * The composition root: reads the disk, opens the sockets, makes one node of all parts, and takes it down in order.
 *
 * Everything that can be wrong with configuration, disk, key or ports is found before the first frame is sent, and is
 * thrown as a coded error with nothing left behind. After that only a failed disk or a bug ends the process by itself.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { flushCompileCache } from 'node:module'
import { typeLimitsOf } from '../adapters/executors/config.ts'
import type { Boot } from '../adapters/storage/boot-file.ts'
import { type DataDirectory, LASTING_FILES, openDataDirectory } from '../adapters/storage/data-directory.ts'
import { watchDirectory } from '../adapters/storage/directory-watch.ts'
import type { SqliteStore } from '../adapters/storage/store.ts'
import { createClock } from '../adapters/system/clock.ts'
import { cronSlots } from '../adapters/system/cron.ts'
import { createLogger, type DaemonLogger } from '../adapters/system/logger.ts'
import { type HeldSignals, holdSignals } from '../adapters/system/signals.ts'
import { watchVitals } from '../adapters/system/vitals.ts'
import { CodedError } from '../base/errors.ts'
import type { Now } from '../base/time.ts'
import type { Config } from '../config/config.ts'
import type { NodeInit } from '../node/init.ts'
import type { Disk } from '../node/machine.ts'
import { Node } from '../node/node.ts'
import { Driver } from '../runtime/driver.ts'
import { EventLog, teeLogger } from '../runtime/events.ts'
import { createFace } from '../runtime/face.ts'
import type { Executors, Logger, Transport } from '../runtime/ports.ts'
import type { NextSlot } from '../tasks/schedules/timing.ts'
import type { TaskRecord } from '../tasks/task.ts'
import { sayMode, sayOpenCluster } from './announcements.ts'
import { Closing } from './closing.ts'
import { sayCrash, watchCrashes } from './crash.ts'
import { earlyInputs } from './early-inputs.ts'
import { markOf } from './file-watch.ts'
import { countLife, openKept, sayLost, storedIn, storeOf } from './found.ts'
import { during, LastResort } from './last-resort.ts'
import { Leaving } from './leaving.ts'
import { sayOpenDirectory, sayOpenSecrets } from './permissions.ts'
import { Reload, type ReloadParts, type ReloadSource } from './reload.ts'
import { offerSchedules, readSchedules } from './schedules.ts'
import { EndedEarly, goOn, handleSignals } from './signals.ts'
import { offerTaskLists, readTaskLists, sayTaskLists } from './task-lists.ts'
import { recordTrace } from './trace.ts'
import { packageVersion } from './version.ts'

export interface DaemonOptions {
  /** Records every input of the core to this new file (NDJSON), for replay. */
  readonly traceFile?: string
  /** Where the configuration is read again on SIGHUP and when its file changes; without it, it is read once. */
  readonly reload?: ReloadSource
  /**
   * The process is there for this daemon alone. Where something hangs that keeps it from ending, it kills itself: when its
   * time to leave is over, or some seconds after everything was closed. Default: whoever embeds a daemon ends the process.
   */
  readonly ownProcess?: boolean
}

/**
 * Runs a daemon until it has left the cluster (SIGTERM, `POST /v1/leave`) or cannot go on.
 *
 * It takes SIGHUP, SIGTERM and SIGINT from its call to its return. What takes long to load is loaded after that. Before
 * the call they do what the caller lets them do; the command line takes them from its own first line on, which Node.js
 * reaches up to 0.3 s after the process began. Until then each of them ends the process, SIGHUP too.
 * @returns the exit code: 0 after a leave or when told to end before it had joined, 1 after a failure that was logged. An error
 *   that nobody catches ends the process instead, as is Node's default: after the log line `daemon-crashed`, with code 1
 * @throws CodedError when it cannot start; nothing stays open then
 */
export async function runDaemon(config: Config, options: DaemonOptions = {}): Promise<number> {
  const signals = holdSignals()
  const source = options.reload && withMark(options.reload)
  const closing = new Closing()
  closing.add('signals', async () => signals.release())
  const lines = createLogger({ level: config.log.level, nodeId: config.nodeId })
  closing.add('logger', async () => lines.flush())
  const unwatch = watchCrashes(lines)
  const lastResort = new LastResort(lines, options.ownProcess === true)
  const leaving = new Leaving(lastResort)
  // A start may wait for a disk that does not answer, and looks for a signal only between its steps.
  if (options.ownProcess) signals.deliverTo({ first: () => leaving.endOfStart(config.leaveMs) })
  try {
    return await run(config, options, { closing, signals, lines, source, leaving, stores: [] })
  } catch (error) {
    // What is coded was refused, and whoever called says so.
    if (!(error instanceof EndedEarly || error instanceof CodedError)) sayCrash(lines, error, 'start')
    if (!(error instanceof EndedEarly)) throw error
    lines.log('info', 'signal', { signal: error.message })
    lines.log('info', 'stopped', {})
    return 0
  } finally {
    leaving.closing()
    await closing.close().catch(error => {
      sayCrash(lines, error, 'stop')
      throw error
    })
    unwatch()
    leaving.closed()
  }
}

/** Nine tenths of the time that a start takes; in the cache now, since a daemon that is killed writes none at its end. */
async function loadParts() {
  const parts = {
    ...(await import('../adapters/libp2p/identity.ts')),
    ...(await import('../adapters/libp2p/names.ts')),
    ...(await import('../adapters/libp2p/transport.ts')),
    ...(await import('../adapters/http/server.ts')),
    ...(await import('../adapters/executors/executors.ts')),
    ...(await import('../adapters/executors/leftovers.ts')),
  }
  flushCompileCache()
  return parts
}

/** For the ids of events. A directory that was emptied or copied brings a boot number twice; three random bytes do not. */
const lifeName = (boot: number): string => `${boot}.${randomBytes(3).toString('hex')}`

interface Frame {
  readonly closing: Closing
  readonly signals: HeldSignals
  readonly lines: DaemonLogger
  readonly source: ReloadSource | undefined
  readonly leaving: Leaving
  /** The one that was there, or the one that was made; closed together. */
  readonly stores: SqliteStore[]
}

const withMark = (source: ReloadSource): ReloadSource =>
  source.file === undefined ? source : { mark: markOf(source.file), ...source }

/** All that can be refused by looking, before this life of the node is counted: what is refused here has changed nothing. */
async function look(config: Config, { closing, signals, lines, leaving, stores }: Frame) {
  const parts = await loadParts()
  goOn(signals)
  const nextSlot = cronSlots()
  const schedules = await readSchedules(config, nextSlot)
  const lists = await readTaskLists(config)
  goOn(signals)
  const { dataDir } = config
  const directory = await during(`the lock and boot file of ${dataDir}`, openDataDirectory(dataDir))
  closing.add('data directory', async () => {
    // A disk that does not answer would hold this thread as well. The lock goes with the process.
    if (!stores.some(store => store.stuck)) await directory.close()
  })
  await parts.clearLeftovers({ directory: directory.path, logger: lines })
  const kept = await during(`the store in ${dataDir}`, openKept(directory, parts.IDENTITY_FILE))
  if (kept.store !== undefined) stores.push(kept.store)
  closing.add('store', () => Promise.all(stores.map(store => store.close(leaving.diskMs()))))
  const stored = storedIn(kept, config)
  const identity = await during(`the key in ${dataDir}`, parts.loadIdentity(directory.path))
  goOn(signals)
  return { parts, lists, schedules, nextSlot, directory, kept, stored, identity }
}

type Found = Awaited<ReturnType<typeof look>>

/** Everything else that a node needs and that can be wrong. */
async function open(config: Config, frame: Frame, found: Found, life: Boot) {
  const { closing, signals, lines, leaving, stores } = frame
  const { parts, lists, directory, kept, identity } = found
  const { boot, incarnation } = life
  lines.bind(() => ({ incarnation }))
  const clock = createClock()
  const events = new EventLog(lifeName(boot))
  const logger = teeLogger(lines, events, clock)
  sayTaskLists(lists, logger)
  await sayOpenSecrets(config.secretFiles, logger)
  await sayOpenDirectory(directory.path, directory.file(parts.IDENTITY_FILE), logger)
  sayLost(kept, parts.IDENTITY_FILE, boot, logger)
  const { store, disk, salvaged } = await storeOf(kept, boot, logger)
  if (kept.store === undefined) stores.push(store)
  store.logTo(logger)
  goOn(signals)
  const { transport: peers, cluster } = config
  const { lookup, srv } = parts.systemNames()
  // The system's lookup takes as long as the system lets it; that of service records gives up by itself.
  const names = { srv, lookup: (host: string) => during(`an address of ${host}`, lookup(host)) }
  const transport = await parts.createTransport({ config: peers, cluster, identity, logger, names })
  closing.add('transport', () => transport.stop(leaving.shareMs()))
  // Opened later, so closed sooner: peers take a closed port for the end of all that this process had started.
  const executors = parts.createExecutors({ config: config.executors, logger, dataDir: directory.path })
  closing.add('executors', () => executors.stop())
  leaving.onBegin(() => executors.claims.dismiss())
  const { createHttpServer } = parts
  for (const record of salvaged) found.stored.records.push(record)
  return { clock, lists, events, logger, store, disk, transport, executors, createHttpServer }
}

async function run(config: Config, options: DaemonOptions, frame: Frame): Promise<number> {
  const found = await look(config, frame)
  const life = await countLife(found.kept)
  try {
    return await live(config, options, frame, found, life)
  } catch (error) {
    throw counted(error, life.boot)
  }
}

/** What refuses a start says that nothing was started. From here on one thing was changed, and that is said beside it. */
function counted(error: unknown, boot: number): unknown {
  if (!(error instanceof CodedError)) return error
  const { code, detail, problems } = error
  return new CodedError(code, `${detail} The start was counted all the same, as boot ${boot}.`, {
    cause: error,
    problems,
  })
}

/** From the count of this life to its end. */
async function live(config: Config, options: DaemonOptions, frame: Frame, found: Found, life: Boot) {
  const { closing, signals, lines, leaving } = frame
  const { directory, stored, nextSlot } = found
  const opened = await open(config, frame, found, life)
  const { clock, events, logger, store, disk, transport, executors } = opened
  const early = earlyInputs()
  const addresses = await transport.start(early.enqueue)
  logger.log('info', 'listening', { addresses, peerId: transport.peer, boot: life.boot })
  const begun = { transport, life, addresses, disk, executors, nextSlot }
  const init = nodeInit(config, { ...begun, ...stored })
  const bornAt = clock.now()
  const node = new Node(init, bornAt)
  lines.bind(() => ({ incarnation: node.membership.self.incarnation }))
  const failed = Promise.withResolvers<never>()
  // Awaited at the end of this function; a failure before that must not count as unhandled meanwhile.
  failed.promise.catch(() => undefined)
  const trace = options.traceFile ? openTrace(options.traceFile, init, bornAt, logger, closing) : undefined
  stored.records.length = 0 // the node has them; this array would keep each as it is now for the life of the process
  const fatal = (error: unknown) => failed.reject(error)
  const driver = new Driver({ machine: node, clock, transport, store, executors, logger, fatal, ...trace })
  closing.add('driver', async () => driver.stop())
  closing.add('directory watch', await watchDisk(directory, driver, fatal, logger))
  early.deliverTo(driver.enqueue)
  const unwatchVitals = watchVitals(driver.enqueue)
  closing.add('vitals', async () => unwatchVitals())
  executors.claims.connect(driver.enqueue)
  store.watch((condition, detail) => driver.enqueue({ kind: 'store', condition, detail }))

  const { leaveMs } = config
  const face = createFace({ node, driver, clock, transport, store, executors, leaveMs })
  const leave = async (deadlineMs = leaveMs) => {
    leaving.begin(driver, deadlineMs)
    await driver.left
  }
  const { http: httpConfig, tasks: defaults } = config
  const http = opened.createHttpServer({
    ...{ config: httpConfig, node: { ...face, leave }, claims: executors.claims, logger, events, defaults },
  })
  closing.add('http', () => http.stop(leaving.shareMs()))
  const { url } = await http.start()
  logger.log('info', 'http-listening', { url })
  executors.servedAt(url)
  sayMode(config, logger)
  sayOpenCluster(config, logger)
  driver.start()
  offerTaskLists(opened.lists, driver.enqueue)
  offerSchedules(found.schedules, driver.enqueue)
  const reload = new Reload({
    ...{ source: frame.source, config, logger, fatal },
    check: async again => void (await readSchedules({ ...again, tasks: defaults }, nextSlot)),
    apply: appliers(lines, driver, config, nextSlot),
    hasVoterList: () => node.grants?.voters.list !== undefined,
  })
  closing.add('reload', () => reload.stop())
  handleSignals(signals, { leave: () => leaving.begin(driver, leaveMs), reload, logger })
  return await untilOver(driver, failed.promise, logger)
}

/** A directory that is gone is a failed disk: no promise of this voter is on one. */
async function watchDisk(
  directory: DataDirectory,
  driver: Driver,
  fatal: (error: unknown) => void,
  logger: Logger,
): Promise<() => Promise<void>> {
  const stop = await watchDirectory(LASTING_FILES.map(directory.file), {
    logger,
    look: path => during(`a look at ${path}`, stat(path, { bigint: true })),
    lost(error) {
      // First the reason, then the end, as the driver does it.
      fatal(error)
      driver.stop()
    },
  })
  return async () => stop()
}

/**
 * What a reload can change in a daemon that runs.
 * @param config that it runs with, `tasks` of which goes on to say what a schedule gets that does not say
 */
function appliers(
  lines: DaemonLogger,
  driver: Driver,
  { tasks }: Config,
  nextSlot: NextSlot,
): ReloadParts['apply'] {
  return {
    schedules: async found =>
      offerSchedules(await readSchedules({ ...found, tasks }, nextSlot), driver.enqueue),
    'log.level': found => lines.setLevel(found.log.level),
    seeds: found => driver.enqueue({ kind: 'seeds', seeds: found.seeds }),
    weight: async found => (await driver.control({ kind: 'weight', weight: found.weight })).ok,
  }
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
    life: Boot
    addresses: readonly string[]
    disk: Disk
    records: readonly TaskRecord[]
    voter: NodeInit['voter']
    fences: NonNullable<NodeInit['fences']>
    executors: Pick<Executors, 'check' | 'types'>
    nextSlot: NextSlot
  },
): NodeInit {
  return {
    nodeId: config.nodeId,
    peerId: found.transport.peer,
    cluster: config.cluster,
    version: packageVersion(),
    incarnation: found.life.incarnation,
    boot: found.life.boot,
    addresses: found.addresses,
    seeds: config.seeds,
    weight: config.weight,
    joinDelayMs: config.joinDelayMs,
    membership: config.membership,
    ring: config.ring,
    tasks: config.tasks,
    grants: config.grants,
    disk: found.disk,
    voter: found.voter,
    fences: found.fences,
    check: (type, payload) => found.executors.check(type, payload),
    types: [...found.executors.types],
    typeLimits: typeLimitsOf(config.executors),
    claimTypes: config.executors.claim.types,
    nextSlot: found.nextSlot,
    records: found.records,
    seed: randomInt(2 ** 47),
  }
}

function openTrace(path: string, init: NodeInit, bornAt: Now, logger: Logger, closing: Closing) {
  const trace = recordTrace(path, init, bornAt, error => {
    logger.log('error', 'trace-failed', { path, detail: error.message })
  })
  closing.add('trace', () => trace.close())
  return { trace: trace.input }
}

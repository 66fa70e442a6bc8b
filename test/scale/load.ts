/** What daemons take of the machine, from /proc and from their own metrics. */
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { loopDelayP99Ms, scrapedWithDelay } from '../bench/loop-delay.ts'
import { metricOf } from '../bench/metric-of.ts'
import type { Daemon } from './real-cluster.ts'

const TICKS_PER_S = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** One daemon at one moment. */
export interface Reading {
  readonly cpuSeconds: number
  readonly rssMiB: number
  readonly frames: number
  readonly bytes: number
  /** Since the reading before. */
  readonly loopP99Ms: number
}

export async function reading({ process: { pid, url } }: Daemon): Promise<Reading> {
  const [stat, status, metrics] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
    scrapedWithDelay(() => textOf(`${url}/metrics`)),
  ])
  return {
    cpuSeconds: cpuSecondsIn(stat),
    rssMiB: rssMiBOf(status, pid),
    frames: metricOf(metrics, 'roundtable_transport_frames_total', { direction: 'out' }),
    bytes: metricOf(metrics, 'roundtable_transport_bytes_total', { direction: 'out' }),
    loopP99Ms: loopDelayP99Ms(metrics),
  }
}

/** Since its start. */
export const cpuSecondsOf = async ({ process: { pid } }: Daemon): Promise<number> =>
  cpuSecondsIn(await readFile(`/proc/${pid}/stat`, 'utf8'))

function cpuSecondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
}

/** The whole machine at one moment. */
export interface Machine {
  readonly busySeconds: number
  readonly totalSeconds: number
  readonly freeMiB: number
}

export async function machine(): Promise<Machine> {
  const [stat, memory] = await Promise.all([
    readFile('/proc/stat', 'utf8'),
    readFile('/proc/meminfo', 'utf8'),
  ])
  // user nice system idle iowait irq softirq steal
  const times = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').slice(0, 8).map(Number)
  const total = times.reduce((sum, time) => sum + time, 0)
  const idle = (times[3] ?? 0) + (times[4] ?? 0)
  return {
    busySeconds: (total - idle) / TICKS_PER_S,
    totalSeconds: total / TICKS_PER_S,
    freeMiB: Number(/MemAvailable:\s+(\d+)/.exec(memory)?.[1]) / 1_024,
  }
}

/** @throws when the kernel does not say: that of a process which ends is not zero */
function rssMiBOf(status: string, pid: number | undefined): number {
  const kib = /VmRSS:\s+(\d+)/.exec(status)?.[1]
  if (kib === undefined) throw new Error(`process ${pid} has no memory: it has ended`)
  return Number(kib) / 1_024
}

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
      response.once('error', reject)
    })
    request.once('error', reject)
  })
}

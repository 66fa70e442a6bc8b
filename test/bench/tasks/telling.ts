/** The worker's side of `workers.ts`: counts, and tells every few ms, since a message for each job would be most of the work. */
import type { Order, Told } from './workers.ts'

const TELL_MS = 5

let done = 0
let starts: number[] = []

/** @param addedAtMs of a stamped job, CLOCK_MONOTONIC */
export function began(addedAtMs: number | undefined): void {
  if (addedAtMs !== undefined) starts.push(Number(process.hrtime.bigint()) / 1e6 - addedAtMs)
}

export function ended(): void {
  done++
}

export const ready = (): void => tell({ ready: true })

export function onOrder(carryOut: (order: Order) => Promise<void>): void {
  process.on('message', order => {
    carryOut(order as Order).then(ready, error => {
      console.error(error)
      process.exit(1)
    })
  })
}

const tell = (told: Told): void => void process.send?.(told)

setInterval(() => {
  if (done === 0 && starts.length === 0) return
  tell({ done, starts })
  done = 0
  starts = []
}, TELL_MS)

/** What is seen while many tasks are handed in: one line, redrawn in place on a terminal, and nothing elsewhere. */
import type { ItemResult, Totals } from '../adapters/http/batch.ts'
import { cut } from './table.ts'
import type { Output } from './terminal.ts'

const BAR_COLUMNS = 20
/** Time between two drawings, in ms. */
const DRAW_MS = 100

export class BatchProgress {
  readonly totals: Totals = { accepted: 0, existed: 0, refused: 0, unknown: 0 }
  readonly #output: Output | undefined
  readonly #bytes: number | undefined
  readonly #startedAt = performance.now()
  #sentBytes = 0
  #sent = 0
  #drawnAt = Number.NEGATIVE_INFINITY
  #drawn = false

  /** @param bytes of all that is to be sent, where that is known */
  constructor(output: Output | undefined, bytes: number | undefined) {
    this.#output = output
    this.#bytes = bytes
  }

  sent(bytes: number): void {
    this.#sent++
    this.#sentBytes += bytes
  }

  settled({ code, stored }: ItemResult): void {
    if (code === 'ACCEPTED') this.totals.accepted++
    else if (code === 'EXISTED') this.totals.existed++
    else if (stored === 'unknown') this.totals.unknown++
    else this.totals.refused++
    this.#draw(false)
  }

  /** A line that stays. */
  say(text: string): void {
    this.#erase()
    this.#output?.write(`${text}\n`)
  }

  end(): void {
    this.#draw(true)
    if (this.#drawn) this.#output?.write('\n')
  }

  #draw(now: boolean): void {
    const output = this.#output
    if (output === undefined || !output.isTerminal) return
    const at = performance.now()
    if (!now && at - this.#drawnAt < DRAW_MS) return
    this.#drawnAt = at
    this.#erase()
    output.write(cut(this.#line(at), output.columns - 1))
    this.#drawn = true
  }

  #line(at: number): string {
    const { accepted, existed, refused, unknown } = this.totals
    const done = accepted + existed + refused + unknown
    const perS = Math.round((done * 1_000) / Math.max(1, at - this.#startedAt))
    const counts = `${done} of ${this.#sent} answered, ${accepted} accepted, ${refused + unknown} not, ${perS}/s`
    if (this.#bytes === undefined) return counts
    // What is sent and not answered yet is not done.
    const part = Math.min(1, (this.#sentBytes / Math.max(1, this.#bytes)) * (done / Math.max(1, this.#sent)))
    const filled = Math.floor(part * BAR_COLUMNS)
    return `${'█'.repeat(filled)}${'░'.repeat(BAR_COLUMNS - filled)} ${Math.floor(part * 100)} %  ${counts}`
  }

  #erase(): void {
    if (this.#drawn) this.#output?.write('\r\u001b[K')
    this.#drawn = false
  }
}

/** What the transport counts. Labels come from fixed sets only, so the number of series is bounded. */
import type { Metric } from '../../node/status.ts'

const HELP = {
  transport_frames_total: 'Link frames, by direction.',
  transport_bytes_total: 'Bytes of link frames and gossip messages, by direction and kind.',
  transport_drops_total: 'Messages that were not delivered or not accepted, by reason.',
  transport_links_opened_total: 'Links that came up, by who dialled.',
  transport_links_closed_total: 'Links that went down, by cause.',
  transport_links_cut_total: 'Connections that this node closed on its own account, by reason.',
  transport_dials_total: 'Dials, by result.',
  transport_gossip_total: 'Gossip messages, by what became of them.',
  transport_gossip_moves_total: 'Gossip streams opened or moved to another connection, by reason.',
  transport_strangers_total: 'Inbound connections that never became a link, by how they ended.',
} as const

type Name = keyof typeof HELP
type Labels = Readonly<Record<string, string>>

export class Counters {
  readonly #samples = new Map<Name, Map<string, { labels: Labels; value: number }>>()

  add(name: Name, labels: Labels, by = 1): void {
    let series = this.#samples.get(name)
    if (series === undefined) {
      series = new Map()
      this.#samples.set(name, series)
    }
    const key = Object.values(labels).join('|')
    const sample = series.get(key)
    if (sample === undefined) series.set(key, { labels, value: by })
    else sample.value += by
  }

  /** The count of one series; 0 when it was never touched. */
  value(name: Name, labels: Labels): number {
    return this.#samples.get(name)?.get(Object.values(labels).join('|'))?.value ?? 0
  }

  metrics(): Metric[] {
    return [...this.#samples].map(([name, series]) => ({
      name,
      help: HELP[name],
      type: 'counter',
      samples: [...series.values()].map(({ labels, value }) => ({ labels, value })),
    }))
  }
}

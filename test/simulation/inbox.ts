/** What came for a process and was not taken yet: it stands still, or is flooded and has not read so far. */
import type { PeerId } from '../../src/base/ids.ts'
import type { Instant } from '../../src/base/time.ts'
import type { SingleInput } from '../../src/node/machine.ts'
import type { Waiting } from '../../src/node/together.ts'
import type { Rumour } from './gossip.ts'

export type Item =
  | { readonly kind: 'input'; readonly input: SingleInput }
  | { readonly kind: 'rumour'; readonly rumour: Rumour; readonly via: PeerId }
  | { readonly kind: 'awake'; readonly run: () => void }

export class Inbox {
  readonly #items: { readonly item: Item; readonly since: Instant }[] = []
  /** Taken as the driver takes what has waited. */
  readonly waiting: Waiting = {
    peek: () => {
      const item = this.#items[0]?.item
      return item?.kind === 'input' ? item.input : undefined
    },
    take: () => void this.#items.shift(),
  }

  /** When the first that waits came, on the clock of the host. */
  get since(): Instant | undefined {
    return this.#items[0]?.since
  }

  push(item: Item, since: Instant): void {
    this.#items.push({ item, since })
  }

  shift(): Item | undefined {
    return this.#items.shift()?.item
  }

  clear(): void {
    this.#items.length = 0
  }
}

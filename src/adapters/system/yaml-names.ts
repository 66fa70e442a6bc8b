import { isMap, isScalar, isSeq, type Node, visit } from 'yaml'

interface Named {
  readonly node: Node
  /** In the order of the file. */
  readonly place: number
  /** What the aliases in it stand for. */
  readonly needs: readonly Named[]
}

/** No person writes a task that leads to so many; each task that led to all before it would take the longer the more there are. */
const NEEDED_MAX = 1_000

/** What has a name in a file, so that for an alias only that is looked at which it leads to. */
export class YamlNames {
  readonly #named = new Map<string, Named>()
  #count = 0

  /**
   * What its aliases stand for, and the aliases therein, in the order of the file. Of more than `NEEDED_MAX` the rest is left
   * out, and the task is refused, for an alias that stands for nothing.
   */
  neededBy(node: Node | null): Node[] {
    const needed = new Set(this.#behind(node))
    for (const { needs } of needed) {
      if (needed.size >= NEEDED_MAX) break
      for (const each of needs) needed.add(each)
    }
    return [...needed].sort((a, b) => a.place - b.place).map(named => named.node)
  }

  /** From here on aliases may stand for what has a name in this. */
  addFrom(node: Node | null): void {
    visit(node, {
      Node: (_key, found) => {
        if ((!isScalar(found) && !isMap(found) && !isSeq(found)) || found.anchor === undefined) return
        this.#named.set(found.anchor, { node: found, place: this.#count++, needs: this.#behind(found) })
      },
    })
  }

  #behind(node: Node | null): Named[] {
    const found = new Set<Named>()
    visit(node, {
      Alias: (_key, { source }) => {
        const named = this.#named.get(source)
        if (named !== undefined) found.add(named)
      },
    })
    return [...found]
  }
}

/**
 * The JSON text of a record, made once for all who write it out in one moment: the disk, and the link to each other holder.
 *
 * Records are never changed, only replaced, so the text of one stays right. Few are kept, and not for long: whoever wants one
 * wants it in the turn of the event loop in which it changed, or a little later.
 */

/** What is kept is forgotten by halves: one is this large at most, in texts and in UTF-16 units. */
const TEXTS_MAX = 512
const LENGTH_MAX = 1024 * 1024

export class JsonTexts {
  #young = new Map<object, string>()
  #old: ReadonlyMap<object, string> = new Map()
  #length = 0

  of(value: object): string {
    const known = this.#young.get(value) ?? this.#old.get(value)
    if (known !== undefined) return known
    const text = JSON.stringify(value)
    if (text.length > LENGTH_MAX) return text
    if (this.#young.size >= TEXTS_MAX || this.#length + text.length > LENGTH_MAX) {
      this.#old = this.#young
      this.#young = new Map()
      this.#length = 0
    }
    this.#young.set(value, text)
    this.#length += text.length
    return text
  }
}

/** Of this process. */
export const jsonTexts = new JsonTexts()

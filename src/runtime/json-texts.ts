/**
 * The JSON text of a record, made once for all who write it out in one moment: the disk, and the link to each other holder.
 *
 * Records are never changed, only replaced, so the text of one stays right. Few are kept, and not for long: whoever wants one
 * wants it in the turn of the event loop in which it changed, or a little later. Most of a record is its spec, which is the
 * same object in all its versions: its text is made once for all of them.
 */

/** What is kept is forgotten by halves: one is this large at most, in texts and in UTF-16 units: some batches of tasks of 4 KB. */
const TEXTS_MAX = 2_048
const LENGTH_MAX = 8 * 1024 * 1024
/** A smaller record is written out as a whole in each version: to put its text together would cost as much. */
const REMEMBERED_LENGTH_MIN = 1_024

export class JsonTexts {
  readonly #records = new Texts()
  readonly #specs = new Texts()

  of(value: object): string {
    return this.#records.get(value) ?? this.#records.keep(value, this.#written(value))
  }

  #written(value: object): string {
    const { spec } = value as { readonly spec?: unknown }
    if (typeof spec !== 'object' || spec === null) return JSON.stringify(value)
    const known = this.#specs.get(spec)
    if (known !== undefined) return together(known, withoutSpec(value)) ?? JSON.stringify(value)
    const text = JSON.stringify(value)
    if (text.length >= REMEMBERED_LENGTH_MIN) this.#remember(spec, text, withoutSpec(value))
    return text
  }

  /** The text of the spec is cut out of that of its record, and not made a second time. */
  #remember(spec: object, text: string, rest: string): void {
    if (!rest.startsWith(WITHOUT_SPEC) || !text.startsWith(BEFORE_SPEC)) return
    const after = rest.length - WITHOUT_SPEC.length + 1
    this.#specs.keep(spec, text.slice(BEFORE_SPEC.length, text.length - after))
  }
}

/** Nodes make records with the spec in front; any other is written out as a whole. */
const BEFORE_SPEC = '{"spec":'
const WITHOUT_SPEC = '{"spec":0,'

const withoutSpec = (record: object): string => JSON.stringify({ ...record, spec: 0 })

const together = (spec: string, rest: string): string | undefined =>
  rest.startsWith(WITHOUT_SPEC) ? `${BEFORE_SPEC}${spec},${rest.slice(WITHOUT_SPEC.length)}` : undefined

class Texts {
  #young = new Map<object, string>()
  #old: ReadonlyMap<object, string> = new Map()
  #length = 0

  get(value: object): string | undefined {
    return this.#young.get(value) ?? this.#old.get(value)
  }

  /** Returns the text. */
  keep(value: object, text: string): string {
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

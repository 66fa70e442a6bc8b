/**
 * Names that an object of JSON has twice. A reader takes the last and says nothing of the others, so of two ids, or of two
 * payloads, one would be gone without a word.
 *
 * Nearly always there are none, and the node must not stand still to find out: outside of texts there are as many colons as
 * there are names, and if the value that was read has as many none was lost. Only else the names are looked at.
 */

const QUOTE = 0x22
const COLON = 0x3a
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * The first name that stands twice in one object of this JSON text; `undefined` when there is none.
 * @param value what was read of the text
 */
export function doubledIn(json: string, value: unknown): string | undefined {
  return colonsIn(json) === namesIn(value) ? undefined : firstDoubled(json)
}

function colonsIn(json: string): number {
  let colons = 0
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === QUOTE) i = endOfText(json, i)
    else if (code === COLON) colons++
  }
  return colons
}

/** Of the text that begins at this quote: where its last one is. */
export function endOfText(json: string, from: number): number {
  for (let end = json.indexOf('"', from + 1); end > 0; end = json.indexOf('"', end + 1)) {
    let before = end
    while (json.charCodeAt(before - 1) === BACKSLASH) before--
    if ((end - before) % 2 === 0) return end
  }
  return json.length
}

function namesIn(root: unknown): number {
  let names = 0
  const open = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
    if (!Array.isArray(value)) names += parts.length
    for (const part of parts) if (typeof part === 'object' && part !== null) open.push(part)
  }
  return names
}

/** A text with a colon behind it is a name of the object that was opened last. */
function firstDoubled(json: string): string | undefined {
  const open: Set<string>[] = []
  let text = ''
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === OPEN_OBJECT || code === OPEN_LIST) open.push(new Set())
    else if (code === CLOSE_OBJECT || code === CLOSE_LIST) open.pop()
    else if (code === QUOTE) {
      const end = endOfText(json, i)
      text = json.slice(i, end + 1)
      i = end
    } else if (code === COLON) {
      const names = open.at(-1)
      const name: unknown = JSON.parse(text)
      if (names === undefined || typeof name !== 'string') continue
      if (names.has(name)) return name
      names.add(name)
    }
  }
  return undefined
}

/** Characters of a text that is worth remembering. */
const MOST_CHARS = 256

/**
 * `make` with a memory: what it made of a text it gives again. It forgets all when it remembers `most`:
 * a server is asked for the same few things, or for so many that no memory helps. Errors are not
 * remembered.
 */
export function remembered<T>(make: (text: string) => T, most: number): (text: string) => T {
  const made = new Map<string, T>()
  return (text) => {
    const known = made.get(text)
    if (known !== undefined) return known
    const fresh = make(text)
    if (text.length > MOST_CHARS) return fresh
    if (made.size >= most) made.clear()
    made.set(text, fresh)
    return fresh
  }
}

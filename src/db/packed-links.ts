/** One link as it is stored: the row of the child block, and the codec the parent reads it with. */
export type StoredLink = { readonly child: number; readonly codec: number }

/** Links as a run of unsigned LEB128 numbers: child, codec, child, codec … (ids below 2^53). */
export function packLinks(links: readonly StoredLink[]): Uint8Array {
  const out: number[] = []
  for (const { child, codec } of links) {
    pushVarint(out, child)
    pushVarint(out, codec)
  }
  return Uint8Array.from(out)
}

/** What `packLinks` packed. */
export function unpackLinks(packed: Uint8Array): StoredLink[] {
  const links: StoredLink[] = []
  const numbers = varints(packed)
  for (const child of numbers) {
    const codec = numbers.next()
    if (codec.done === true) throw new RangeError('odd count of numbers in packed links')
    links.push({ child, codec: codec.value })
  }
  return links
}

function pushVarint(out: number[], value: number): void {
  let rest = value
  while (rest > 0x7f) {
    out.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  out.push(rest)
}

function* varints(bytes: Uint8Array): Generator<number, undefined> {
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte >= 0x80) continue
    yield value
    value = 0
    scale = 1
  }
  return undefined
}

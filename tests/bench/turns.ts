/** The items, begun with another one each round: who is disturbed by others is so by turns. */
export function rotated<T>(items: readonly T[], by: number): readonly T[] {
  const first = items.length === 0 ? 0 : by % items.length
  return [...items.slice(first), ...items.slice(0, first)]
}

/** Throws unless everybody gives the same content the same CID. */
export function sameCid(): (cid: string) => void {
  let known: string | undefined
  return (cid) => {
    known ??= cid
    if (cid !== known) throw new Error(`the content is ${cid} here, and was ${known} before`)
  }
}

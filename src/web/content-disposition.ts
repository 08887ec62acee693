/** `attachment` under a name in any script (RFC 6266, with the encoding of RFC 8187). */
export function attachment(name: string): string {
  return `attachment; filename*=UTF-8''${extValue(name)}`
}

/** What `encodeURIComponent` leaves and RFC 8187 does not allow is encoded too. */
function extValue(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

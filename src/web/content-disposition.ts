/** `attachment` under a name in any script (RFC 6266, with the encoding of RFC 8187). */
export function attachment(name: string): string {
  return `attachment; filename*=UTF-8''${extValue(name)}`
}

/**
 * The same for programs that read the plain form only: there `_` stands for what is not ASCII, as
 * gateways have it.
 */
export function contentDisposition(kind: 'inline' | 'attachment', name: string): string {
  if (PLAIN.test(name)) return `${kind}; filename="${name}"; filename*=UTF-8''${name}`
  const ascii = name.toWellFormed().replace(/[^ !#-[\]-~]/gu, '_')
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${extValue(name)}`
}

/** Names that stand for themselves in both forms, as those made of CIDs. */
const PLAIN = /^[\w.-]+$/

/** What `encodeURIComponent` leaves and RFC 8187 does not allow is encoded too. */
function extValue(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** `1.07 GB`, `512 MB`, `16 B`: powers of 1,000, three digits. */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(bytes || 1) / 3)))
  const value = bytes / 1000 ** power
  const digits = power === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[power]}`
}

/** `530 MB/s`; always in MB/s, so that two figures can be compared at a glance. */
export function formatRate(bytes: number, elapsedMs: number): string {
  const rate = bytes / 1000 / Math.max(1, elapsedMs)
  return `${rate.toFixed(rate >= 10 ? 0 : 1)} MB/s`
}

/** `12 ms`, `1.9 s`, `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}

/** A name for a terminal or a line of a list: one with control characters is quoted and escaped. */
export function formatName(name: string): string {
  if (!/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(name)) return name
  return JSON.stringify(name).replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}|[\u{20000}-\u{3fffd}]/gu

/** Columns of a text on a terminal: those of East Asian scripts and pictures are two wide (UAX 11). */
export function displayWidth(text: string): number {
  return [...text].length + (text.match(WIDE)?.length ?? 0)
}

/** `315 MB in 3.0 s (103 MB/s)`; the rate of a moment says nothing and is left out. */
export function formatTransfer(bytes: number, elapsedMs: number): string {
  const took = `${formatBytes(bytes)} in ${formatDuration(elapsedMs)}`
  return bytes < 1_000_000 ? took : `${took} (${formatRate(bytes, elapsedMs)})`
}

/** Rows as columns; those named in `right` end at their right edge. */
export function formatTable(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
  )
  const cell = (text: string, column: number): string => {
    const room = ' '.repeat(Math.max(0, (widths[column] ?? 0) - displayWidth(text)))
    return right.includes(column) ? `${room}${text}` : `${text}${room}`
  }
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n')
}

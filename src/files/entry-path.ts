import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

const hint = 'names inside a folder are relative, without . and ..'

/**
 * The names of a path inside a folder, checked: relative, no `.` or `..`, no empty name, no NUL, within
 * the limits of length and depth. Throws UNSUPPORTED_ENTRY naming the path.
 */
export function entryNames(path: string): readonly string[] {
  const names = path.split('/')
  const fault = faultOf(path, names)
  if (fault === undefined) return names
  throw new PrsmError('UNSUPPORTED_ENTRY', `the entry ${JSON.stringify(path)} ${fault}`, {
    hint,
    details: { path },
  })
}

/**
 * The same for a path as tar programs write it, where `./a`, `a//b` and a last `/` are usual: made
 * plain (`a/b`), then checked. The folder itself (`./`) is the empty string.
 */
export function tarEntryPath(raw: string): string {
  if (raw.startsWith('/')) {
    throw new PrsmError('UNSUPPORTED_ENTRY', `the entry ${JSON.stringify(raw)} is absolute`, {
      hint,
      details: { path: raw },
    })
  }
  const path = raw
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/')
  return path === '' ? '' : entryNames(path).join('/')
}

function faultOf(path: string, names: readonly string[]): string | undefined {
  if (path.startsWith('/')) return 'is absolute'
  if (path.includes('\0')) return 'has a NUL in its name'
  if (names.some((name) => name === '' || name === '.')) return 'has an empty name in its path'
  if (names.includes('..')) return 'has .. in its path'
  if (names.length > limits.maxPathDepth) return `is more than ${limits.maxPathDepth} folders deep`
  if (Buffer.byteLength(path) > limits.maxPathBytes) {
    return `has a path of more than ${limits.maxPathBytes} bytes`
  }
  if (names.some((name) => Buffer.byteLength(name) > limits.maxNameBytes)) {
    return `has a name of more than ${limits.maxNameBytes} bytes`
  }
  return undefined
}

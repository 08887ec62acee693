import { isUtf8 } from 'node:buffer'
import { fileTypeFromBuffer } from 'file-type'
import mime from 'mime'
import { limits } from '../core/limits.ts'

/** What is neither told by a name nor by the bytes. */
export const UNKNOWN = 'application/octet-stream'
const PLAIN = 'text/plain; charset=utf-8'

/** The media type of a file with this name, or undefined when it has no ending that is known. */
export function typeByName(name: string): string | undefined {
  const dot = name.lastIndexOf('.')
  const type = dot < 0 ? null : mime.getType(name.slice(dot))
  return type === null ? undefined : withCharset(type)
}

/** Of HTML the page itself says how it is encoded, as Kubo leaves it. */
function withCharset(type: string): string {
  return type.startsWith('text/') && type !== 'text/html' ? `${type}; charset=utf-8` : type
}

/**
 * The media type that the first bytes of a content tell; `whole` when there are no more. They are
 * anyone's: the answer is a guess, and never an error.
 */
export async function typeByBytes(head: Uint8Array, whole: boolean): Promise<string> {
  if (head.length === 0) return PLAIN
  const text = textOf(head, whole)
  if (text !== undefined && !text.startsWith('%')) return textType(text, whole)
  try {
    return (await fileTypeFromBuffer(head))?.mime ?? (text === undefined ? UNKNOWN : PLAIN)
  } catch {
    return UNKNOWN
  }
}

/** The bytes as text, unless they are not UTF-8 or hold control characters that no text has. */
function textOf(head: Uint8Array, whole: boolean): string | undefined {
  const bytes = whole ? head : head.subarray(0, wholeCharacters(head))
  if (!isUtf8(bytes)) return undefined
  const text = new TextDecoder().decode(bytes)
  return BINARY.test(text) ? undefined : text
}

/** Bytes that no text has (WHATWG MIME sniffing, 4: binary data bytes). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const BINARY = /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/

/** Bytes up to the last character that is whole: a UTF-8 character has at most four. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) return bytes.length - back
  }
  return bytes.length
}

function textType(text: string, whole: boolean): string {
  const start = text.trimStart().slice(0, 512)
  if (
    /^(<!--|<!doctype html|<(html|head|body|script|iframe|h1|div|style|title|table|p|a|b|br)[\s>])/i.test(
      start,
    )
  )
    return 'text/html'
  if (/^(<\?xml[^>]*>\s*)?(<!doctype svg[^>]*>\s*)?<svg[\s>]/i.test(start)) return 'image/svg+xml'
  if (start.startsWith('<?xml')) return 'text/xml; charset=utf-8'
  return isJson(text, whole) ? 'application/json' : PLAIN
}

/** Of a part of a text only an object's, or a list of objects', beginning can be told for JSON. */
function isJson(text: string, whole: boolean): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  if (!whole) return /^\s*(\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:/.test(text)
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The types that were told by bytes, of the contents asked for last: bytes of a CID never change. */
export class TypeMemory {
  readonly #types = new Map<string, string>()

  get(key: string): string | undefined {
    return this.#types.get(key)
  }

  add(key: string, type: string): void {
    if (this.#types.size >= limits.gatewayTypes) {
      for (const oldest of this.#types.keys()) {
        this.#types.delete(oldest)
        break
      }
    }
    this.#types.set(key, type)
  }
}

import { CID } from 'multiformats/cid'
import { escaped, PAGE_END, pageHead } from './page.ts'

/** Characters of HTML that show a value, and how deep it is looked into: a page is a preview. */
const MAX_CHARACTERS = 128 * 1024
const MAX_DEPTH = 64
/** Characters of one text, and bytes of one byte string. */
const MAX_TEXT = 1000
const MAX_BYTES = 64

export type Document = {
  readonly cid: CID
  /** Bytes of its block. */
  readonly bytes: number
  readonly value: unknown
}

/** A page that shows a value of the IPLD data model; its links lead to what they name. */
export function documentPage({ cid, bytes, value }: Document): string {
  const preview = new Preview()
  preview.show(value, 0)
  const codec = cid.code === 0x71 ? 'dag-cbor' : 'dag-json'
  const note = preview.isFull
    ? '<p class="note">The beginning; there is more in the block.</p>'
    : ''
  return `${pageHead(`/ipfs/${cid}`)}<h1>${codec} <code>${cid}</code></h1>
<p>${bytes} bytes. <a href="/ipfs/${cid}?format=raw">The block</a>,
<a href="/ipfs/${cid}?format=${codec}">the document</a>.</p>
<pre>${preview.html}</pre>${note}
${PAGE_END}`
}

/** The HTML of a value, as far as it goes. */
class Preview {
  html = ''
  #full = false

  get isFull(): boolean {
    return this.#full
  }

  show(value: unknown, depth: number): void {
    const link = CID.asCID(value)
    if (link !== null) this.#put(`<a class="ipfs-hash" href="/ipfs/${link}">${link}</a>`)
    else if (value instanceof Uint8Array) this.#put(bytesText(value))
    else if (typeof value === 'object' && value !== null) this.#showMembers(value, depth)
    else this.#put(scalarText(value))
  }

  #showMembers(value: object, depth: number): void {
    const isList = Array.isArray(value)
    this.#put(isList ? '[' : '{')
    if (depth === MAX_DEPTH) this.#full = true
    for (const [name, member] of Object.entries(value)) {
      if (this.#full) break
      this.#put(`\n${'  '.repeat(depth + 1)}${isList ? '' : `${scalarText(name)}: `}`)
      this.show(member, depth + 1)
    }
    this.#put(isList ? ']' : '}')
  }

  /** Whole pieces only: half a tag would break the page. */
  #put(html: string): void {
    if (this.html.length + html.length > MAX_CHARACTERS) this.#full = true
    else this.html += html
  }
}

function scalarText(value: unknown): string {
  if (typeof value !== 'string') return escaped(String(value))
  const shown = value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value
  return escaped(JSON.stringify(shown.toWellFormed()))
}

function bytesText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, MAX_BYTES)).toString('hex')
  return `bytes(${bytes.byteLength}) ${hex}${bytes.byteLength > MAX_BYTES ? '…' : ''}`
}

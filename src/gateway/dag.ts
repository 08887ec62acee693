import type { CID } from 'multiformats/cid'
import { DAG_CBOR, DAG_JSON, isDocument } from '../blocks/document-links.ts'
import { decodeDocument } from '../car/traverse-document.ts'
import { PrsmError } from '../core/errors.ts'
import type { Ask, Format, Reply, Responder } from './ask.ts'
import { notModified } from './content-reply.ts'
import { documentPage } from './dag-page.ts'
import { formatHeaders } from './format-headers.ts'
import { parseAccept } from './negotiate.ts'
import { HTML, PAGE_POLICY, PAGE_VERSION } from './page.ts'
import { blockReply, blockWay } from './raw.ts'

type Codec = Extract<Format, 'dag-json' | 'dag-cbor' | 'json' | 'cbor'>

const CODECS: ReadonlyMap<number, Codec> = new Map([
  [DAG_JSON, 'dag-json'],
  [DAG_CBOR, 'dag-cbor'],
  [0x0200, 'json'],
  [0x51, 'cbor'],
])

const TYPES: Readonly<Record<Codec, string>> = {
  'dag-json': 'application/vnd.ipld.dag-json',
  'dag-cbor': 'application/vnd.ipld.dag-cbor',
  json: 'application/json',
  cbor: 'application/cbor',
}

/** As a page of ours that may look otherwise tomorrow. */
const PAGE_CACHE_CONTROL = 'public, max-age=604800, stale-while-revalidate=2678400'

/**
 * A block of JSON, CBOR, DAG-JSON or DAG-CBOR as it is stored (specs.ipfs.tech, path gateway), or a page
 * that shows it. A codec is not made of another one (IPIP-524), but what is DAG-JSON is JSON, too.
 */
export const dagResponder: Responder = async (ask) => {
  const { cid, roots } = await blockWay(ask)
  const codec = CODECS.get(cid.code)
  const format = ask.formatAsked ? ask.format : codec
  if (codec === undefined || !isCodec(format) || !serves(codec, format)) throw mismatch(ask, cid)
  if (!ask.formatAsked && isDocument(cid) && wantsPage(ask)) return pageReply(ask, cid, roots)
  const ending = format.replace('dag-', '')
  const headers = formatHeaders(ask, {
    roots,
    kind: ending === 'json' ? 'inline' : 'attachment',
    name: `${cid}.${ending}`,
  })
  const etag = `"${cid}.${format}"`
  const known = notModified(ask, etag, headers)
  return known ?? (await blockReply(ask, cid, { etag, headers, type: TYPES[format] }))
}

function isCodec(format: string | undefined): format is Codec {
  return format !== undefined && Object.hasOwn(TYPES, format)
}

function serves(codec: Codec, format: Codec): boolean {
  return codec === format || codec === `dag-${format}`
}

function mismatch({ format, formatAsked }: Ask, cid: CID): PrsmError {
  const codec = CODECS.get(cid.code) ?? `of codec 0x${cid.code.toString(16)}`
  const form = formatAsked ? format : 'a page or a file'
  return new PrsmError('NOT_ACCEPTABLE', `${cid} is ${codec}, and is not given as ${form}`, {
    hint: `ask for it as it is, or for the block itself: /ipfs/${cid}?format=raw`,
    details: { cid: cid.toString(), codec: cid.code },
  })
}

/** True when a page is what the client would rather have. */
function wantsPage(ask: Ask): boolean {
  const first = parseAccept(ask.header('accept') ?? '').find(
    ({ type }) => type === 'text/html' || Object.values(TYPES).includes(type),
  )
  return first?.type === 'text/html'
}

async function pageReply(ask: Ask, cid: CID, roots: readonly CID[]): Promise<Reply> {
  const { blocks, signal } = ask
  const etag = `"DagIndex-${PAGE_VERSION}_CID-${cid}"`
  const headers = { 'cache-control': PAGE_CACHE_CONTROL, 'x-ipfs-roots': roots.join(',') }
  const known = notModified(ask, etag, headers)
  if (known !== undefined) return known
  const block = await blocks.get(cid, { signal })
  const page = documentPage({ cid, bytes: block.byteLength, value: decodeDocument(cid, block) })
  return {
    status: 200,
    headers: {
      ...headers,
      etag,
      'content-type': HTML,
      'content-length': Buffer.byteLength(page),
      'content-security-policy': PAGE_POLICY,
    },
    ...(ask.method === 'GET' && { body: page }),
    label: 'dag-page',
  }
}

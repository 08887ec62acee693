import type { CID } from 'multiformats/cid'
import { resolveWay, type Way } from '../car/traverse-path.ts'
import { PrsmError } from '../core/errors.ts'
import type { Ask, Reply, Responder } from './ask.ts'
import { contentReply, notModified } from './content-reply.ts'
import { formatHeaders } from './format-headers.ts'

const RAW_TYPE = 'application/vnd.ipld.raw'

/** One block as it is, of any codec (specs.ipfs.tech, trustless gateway, Block Responses). */
export const rawResponder: Responder = async (ask) => {
  const { cid, roots } = await blockWay(ask)
  const etag = `"${cid}.raw"`
  const headers = formatHeaders(ask, { roots, kind: 'attachment', name: `${cid}.bin` })
  return notModified(ask, etag, headers) ?? (await blockReply(ask, cid, { etag, headers }))
}

/** Where the path leads, which must be a block. Throws NOT_IMPLEMENTED for a value inside one. */
export async function blockWay({ root, path, blocks, nodes, signal }: Ask): Promise<Way> {
  if (path.length === 0) return { cid: root, roots: [root], rest: [] }
  const way = await resolveWay(blocks, { root, path }, { nodes, signal })
  if (way.rest.length === 0) return way
  const inside = way.rest.map((name) => JSON.stringify(name)).join('/')
  throw new PrsmError('NOT_IMPLEMENTED', `${inside} is a value inside ${way.cid}, not a block`, {
    hint: `only links are followed: ask for /ipfs/${way.cid} and take the value out of it`,
  })
}

export type BlockHead = {
  readonly etag: string
  readonly headers: Readonly<Record<string, string>>
  /** Default: the type of a raw block. */
  readonly type?: string
}

/** A block, or the ranges of it that are asked for. Without a range it is looked up once, not first for its size. */
export async function blockReply(
  ask: Pick<Ask, 'blocks' | 'signal' | 'method' | 'header'>,
  cid: CID,
  { etag, headers, type = RAW_TYPE }: BlockHead,
): Promise<Reply> {
  const { blocks, signal } = ask
  const whole = ask.method === 'GET' && ask.header('range') === undefined
  const block = whole ? await blocks.get(cid, { signal }) : undefined
  return await contentReply(ask, {
    etag,
    headers,
    type,
    size: block?.byteLength ?? (await blocks.size(cid, { signal })),
    read: async ({ offset, length }) =>
      block ?? (await blocks.getPart(cid, { offset, length }, { signal })),
  })
}

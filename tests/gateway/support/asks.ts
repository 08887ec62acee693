import { createReadStream } from 'node:fs'
import { CarReader } from '@ipld/car'
import type { CID } from 'multiformats/cid'
import type { BlockSession, BlockSource } from '../../../src/core/block-source.ts'
import type { Ask, Reply } from '../../../src/gateway/ask.ts'
import { negotiate } from '../../../src/gateway/negotiate.ts'
import { parseRequestTarget } from '../../../src/gateway/request-target.ts'
import { NodeCache } from '../../../src/unixfs/node-cache.ts'
import { type OpenStore, openStore } from '../../support/block-store.ts'
import type { MemoryBlocks } from '../../unit/unixfs/memory-blocks.ts'
import { fixtureCars } from '../conformance/fixture.ts'

/** A store with the blocks of all fixtures. */
export async function fixtureStore(): Promise<OpenStore> {
  const open = await openStore({ folder: null })
  await using lease = open.store.lease()
  for (const path of fixtureCars) {
    const reader = await CarReader.fromIterable(createReadStream(path))
    for await (const { cid, bytes } of reader.blocks()) await lease.put(cid, bytes)
  }
  await lease.sync()
  return open
}

/** A store with blocks that were made by hand. */
export async function storeOf(blocks: MemoryBlocks, cids: readonly CID[]): Promise<OpenStore> {
  const open = await openStore({ folder: null })
  await using lease = open.store.lease()
  for (const cid of cids) await lease.put(cid, await blocks.get(cid))
  await lease.sync()
  return open
}

export type AskOptions = {
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** A request for `url` as the server makes it of one. */
export function askFor(source: BlockSource, url: string, options: AskOptions = {}): Ask {
  const { headers = {}, method = 'GET', signal = new AbortController().signal } = options
  const target = parseRequestTarget(url)
  if (target.kind !== 'content') throw new Error(`${url} names no content`)
  const choice = negotiate(target.query, headers['accept'])
  return {
    ...target,
    method,
    signal,
    header: (name) => headers[name],
    format: choice.format,
    formatParameters: choice.parameters,
    formatAsked: choice.asked,
    blocks: sessionOf(source),
    nodes: new NodeCache(),
  }
}

function sessionOf(source: BlockSource): BlockSession {
  return {
    get: (cid, options) => source.get(cid, options),
    getPart: (cid, part, options) => source.getPart(cid, part, options),
    size: (cid, options) => source.size(cid, options),
    [Symbol.asyncDispose]: async () => {},
  }
}

/** All of a body; chunks are copied, as they may be used again. */
export async function bodyOf({ body = '' }: Reply): Promise<Buffer> {
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body)
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

import { hash } from 'node:crypto'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { BlockStore } from '../../../src/blocks/block-store.ts'
import type { BlockSession, SessionOptions } from '../../../src/core/block-source.ts'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import type { FolderEntry } from '../../../src/core/content.ts'
import {
  type GatewayBounds,
  type GatewayServer,
  startGateway,
} from '../../../src/gateway/server.ts'
import { type Logger, silentLogger } from '../../../src/telemetry/logger.ts'
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts'
import { importFile, importFolder, type PutBlock } from '../../../src/unixfs/import.ts'
import { NodeCache } from '../../../src/unixfs/node-cache.ts'
import { file } from '../../http/support/api.ts'
import { openStore } from '../../support/block-store.ts'
import { type Message, TYPE, unixfsData } from '../../unit/unixfs/hand-made.ts'

export type TestGateway = AsyncDisposable & {
  readonly url: string
  readonly port: number
  readonly server: GatewayServer
  readonly store: BlockStore
  readonly metrics: Metrics
  /** What sessions were opened with, in order. */
  readonly sessions: readonly SessionOptions[]
  /** Asks for a path as it stands: no redirect is followed. */
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>
}

export type TestGatewayInit = {
  readonly folder?: string
  readonly bounds?: Partial<GatewayBounds>
  readonly logger?: Logger
  /** Replaces the session over the store. */
  readonly session?: (blocks: BlockSession) => BlockSession
}

/** A gateway on a free port, over a block store as a node has it. */
export async function startTestGateway(init: TestGatewayInit = {}): Promise<TestGateway> {
  await using stack = new AsyncDisposableStack()
  const { store } = stack.use(await openStore({ folder: init.folder ?? null }))
  const metrics = createMetrics()
  const sessions: SessionOptions[] = []
  const openSession = (options: SessionOptions): BlockSession => {
    sessions.push(options)
    const session = sessionOver(store)
    return init.session?.(session) ?? session
  }
  const parts = {
    openSession,
    nodes: new NodeCache(),
    logger: init.logger ?? silentLogger,
    metrics,
  }
  const server = stack.use(
    await startGateway(parts, { host: '127.0.0.1', port: 0, bounds: init.bounds ?? {} }),
  )
  const open = stack.move()
  return {
    server,
    store,
    metrics,
    sessions,
    url: server.url,
    port: server.port,
    ask: (path, more) => fetch(`${server.url}${path}`, { redirect: 'manual', ...more }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

function sessionOver(store: BlockStore): BlockSession {
  return {
    get: (cid, options) => store.get(cid, options),
    getPart: (cid, part, options) => store.getPart(cid, part, options),
    size: (cid) => store.size(cid),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** Stores what `write` puts. */
export async function stored<T>(
  { store }: Pick<TestGateway, 'store'>,
  write: (blocks: PutBlock) => Promise<T>,
): Promise<T> {
  await using lease = store.lease()
  const result = await write(lease)
  await lease.sync()
  return result
}

/** The CID of a file with this content. */
export async function storeFile(
  gateway: Pick<TestGateway, 'store'>,
  content: string | Uint8Array,
): Promise<CID> {
  const bytes = Buffer.from(content)
  return (await stored(gateway, (blocks) => importFile(blocks, inOne(bytes)))).cid
}

async function* inOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** The CID of a folder with these files. */
export async function storeFolder(
  gateway: Pick<TestGateway, 'store'>,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<CID> {
  const entries = Object.entries(files).map(([path, content]) => file(path, content))
  return (await stored(gateway, (blocks) => importFolder(blocks, each(entries)))).cid
}

async function* each(entries: readonly FolderEntry[]): AsyncGenerator<FolderEntry> {
  yield* entries
}

/** The CID of a block of any bytes. */
export function storeBlock(
  gateway: Pick<TestGateway, 'store'>,
  bytes: Uint8Array,
  codec: number = RAW,
): Promise<CID> {
  const cid = CID.createV1(codec, createDigest(0x12, hash('sha256', bytes, 'buffer')))
  return stored(gateway, async (blocks) => {
    await blocks.put(cid, bytes)
    return cid
  })
}

export type NodeLink = { readonly name: string; readonly cid: CID; readonly size?: number }

/** The CID of a UnixFS node made by hand. */
export function storeNode(
  gateway: Pick<TestGateway, 'store'>,
  message: Message,
  links: readonly NodeLink[] = [],
): Promise<CID> {
  const block = dagPb.encode({
    Data: unixfsData(message),
    Links: links.map(({ name, cid, size = 0 }) => ({ Name: name, Hash: cid, Tsize: size })),
  })
  return storeBlock(gateway, block, DAG_PB)
}

/** A folder of any names, also of those no importer would take. */
export function storeNames(
  gateway: Pick<TestGateway, 'store'>,
  links: readonly NodeLink[],
): Promise<CID> {
  const sorted = links.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  return storeNode(gateway, { type: TYPE.directory }, sorted)
}

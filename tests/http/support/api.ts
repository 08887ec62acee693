import { Readable } from 'node:stream'
import type { FolderEntry } from '../../../src/core/content.ts'
import { limits } from '../../../src/core/limits.ts'
import type { ServedNode } from '../../../src/http/served-node.ts'
import { type ApiBounds, type ApiServer, startApiServer } from '../../../src/http/server.ts'
import type { NodeOptions } from '../../../src/node/node-options.ts'
import { createStorageNode, type StorageNode } from '../../../src/node/storage-node.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'

export type TestApi = AsyncDisposable & {
  readonly server: ApiServer
  readonly node: StorageNode
  /** The lines of the server's log, parsed. */
  readonly log: Record<string, unknown>[]
  /** `/api/v1/ipfs` of the server. */
  readonly ipfs: string
}

export type TestApiOptions = {
  /** Default: memory. */
  readonly dataDir?: string
  readonly maxFileBytes?: number
  readonly bounds?: Partial<ApiBounds>
  /** Default: off. */
  readonly network?: NodeOptions['network']
  /** Wraps the real node, to watch what is asked of it. */
  readonly watch?: (node: StorageNode) => ServedNode
}

/** A real node, in memory unless it gets a folder, behind a real server on a free port. */
export async function startApi(options: TestApiOptions = {}): Promise<TestApi> {
  const log: Record<string, unknown>[] = []
  const {
    dataDir,
    maxFileBytes = limits.maxFileBytes,
    bounds = {},
    watch,
    network = 'off',
  } = options
  const node = await createStorageNode({
    ...(dataDir === undefined ? { storage: 'memory' } : { dataDir }),
    maxFileBytes,
    network,
  })
  const server = await startApiServer(
    {
      node: watch ? watch(node) : node,
      metrics: node.metrics,
      logger: createLogger(
        { level: 'debug', components: {} },
        { destination: { write: (line) => log.push(JSON.parse(line)) } },
      ),
    },
    { host: '127.0.0.1', port: 0, maxFileBytes, version: '1.2.3', bounds },
  )
  return {
    server,
    node,
    log,
    ipfs: `${server.url}/api/v1/ipfs`,
    [Symbol.asyncDispose]: async () => {
      await server.close()
      await node.close()
    },
  }
}

/** Bytes that repeat nowhere, so that every block of them is another. */
export function noise(bytes: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  let state = seed
  for (let at = 0; at < words.length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    words[at] = state ^ at
  }
  return new Uint8Array(words.buffer, 0, bytes)
}

/** A file of a folder that is uploaded. */
export function file(path: string, content: string | Uint8Array): FolderEntry {
  const bytes = Buffer.from(content)
  return { kind: 'file', path, size: bytes.length, content: Readable.from([bytes]) }
}

/** Waits until `is` says so, for at most `ms`. */
export async function until(is: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!(await is())) {
    if (Date.now() > end) throw new Error(`not so after ${ms} ms`)
    await sleep(10)
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export type ProblemBody = {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly [name: string]: unknown
}

/** Checks that an answer is problem details and returns them. */
export async function problemOf(response: Response): Promise<ProblemBody> {
  const type = response.headers.get('content-type')
  if (type !== 'application/problem+json')
    throw new Error(`not a problem: ${response.status} ${type}`)
  const body = JSON.parse(await response.text())
  if (body.status !== response.status)
    throw new Error(`status ${body.status} in ${response.status}`)
  if (body.requestId !== response.headers.get('x-request-id')) throw new Error('another request id')
  return body
}

/** A body that is sent chunked, as it is produced. */
export function streamed(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): RequestInit {
  const body = Readable.toWeb(Readable.from(chunks, { objectMode: false }))
  // Node's fetch needs `duplex` for a body that streams; the DOM's type does not know it.
  return { method: 'POST', body, duplex: 'half' } as RequestInit
}

import type { FastifyInstance } from 'fastify'
import { limits } from '../core/limits.ts'
import { child, type Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Address, listen, loopbackHost, urlOf } from '../web/listen.ts'
import { RunningRequests } from '../web/running-requests.ts'
import { createApp, stopping } from './app.ts'
import type { RefusalBounds } from './refusal.ts'
import { addContentRoute } from './routes/content.ts'
import { addDagImportRoute } from './routes/dag-import.ts'
import { addHealthRoutes } from './routes/health.ts'
import { addLsRoute } from './routes/ls.ts'
import { addMetricsRoute } from './routes/metrics.ts'
import { addPeerRoutes } from './routes/peers.ts'
import { addPinRoutes } from './routes/pins.ts'
import { addRepoRoutes } from './routes/repo.ts'
import { addStatRoute } from './routes/stat.ts'
import { addStatusRoute } from './routes/status.ts'
import { addUploadRoute } from './routes/upload.ts'
import { addUploadsRoute } from './routes/uploads.ts'
import type { ServedNode } from './served-node.ts'

export type ApiParts = {
  readonly node: ServedNode
  readonly logger: Logger
  readonly metrics: Metrics
}

/** How long and how much the server bears with; each has its default in `core/limits.ts`. */
export type ApiBounds = RefusalBounds & {
  readonly idleBodyMs: number
  readonly headMs: number
  readonly drainMs: number
}

export type ApiOptions = {
  /** A loopback name or address. */
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Bytes of one file; 0 = no limit. */
  readonly maxFileBytes: number
  readonly version: string
  readonly bounds?: Partial<ApiBounds>
}

export type ApiServer = AsyncDisposable &
  Address & {
    /** As `http://127.0.0.1:8000`. */
    readonly url: string
    /** Takes no more requests, waits for those that run, aborts them after `drainMs`. */
    close(): Promise<void>
  }

/** Milliseconds that answers to aborted requests have to leave before their connections are cut. */
const LAST_WORDS_MS = 1000

/** Starts the HTTP API. Throws CONFIG_INVALID for a host that is not loopback, ADDRESS_IN_USE. */
export async function startApiServer(parts: ApiParts, options: ApiOptions): Promise<ApiServer> {
  const host = loopbackHost(options.host)
  const bounds: ApiBounds = { ...limits, ...options.bounds }
  const requests = new RunningRequests()
  const log = child(parts.logger, 'http')
  const { metrics } = parts
  const app = await createApp({ log, metrics, requests, bounds, headMs: bounds.headMs })
  addRoutes(app, parts, { ...options, requests, idleMs: bounds.idleBodyMs })
  const { port } = await listen(app, { host, port: options.port })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= drain(app, requests, bounds.drainMs)
    return closed
  }
  return { host, port, url: urlOf({ host, port }), close, [Symbol.asyncDispose]: close }
}

type Serving = Pick<ApiOptions, 'maxFileBytes' | 'version'> & {
  readonly requests: RunningRequests
  readonly idleMs: number
}

function addRoutes(app: FastifyInstance, { node, metrics }: ApiParts, serving: Serving): void {
  const { version, maxFileBytes: maxBytes, idleMs, requests } = serving
  addUploadRoute(app, { node, body: { maxBytes, idleMs } })
  addDagImportRoute(app, { node, idleMs })
  addUploadsRoute(app, { node })
  addStatRoute(app, { node })
  addLsRoute(app, { node })
  addContentRoute(app, { node })
  addStatusRoute(app, { node })
  addPeerRoutes(app, { node, idleMs })
  addPinRoutes(app, { node, idleMs })
  addRepoRoutes(app, { node, idleMs })
  addHealthRoutes(app, { node, version, isDraining: () => requests.draining })
  addMetricsRoute(app, { metrics })
}

/** Connections that wait for nothing are closed at once, the others when their answer is out. */
async function drain(app: FastifyInstance, requests: RunningRequests, drainMs: number) {
  requests.startDraining()
  const closed = app.close()
  if (!(await requests.drained(drainMs))) {
    requests.abort(stopping())
    await requests.drained(LAST_WORDS_MS)
  }
  app.server.closeAllConnections()
  await closed
  await requests.settled()
}

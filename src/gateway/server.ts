import { randomBytes } from 'node:crypto'
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import type { BlockSession, SessionOptions } from '../core/block-source.ts'
import { limits } from '../core/limits.ts'
import { child, type Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { NodeCache } from '../unixfs/node-cache.ts'
import { hangUp, type ParserRefusal } from '../web/client-error.ts'
import { Exchange } from '../web/exchange.ts'
import { type Address, type Listener, listen, urlOf } from '../web/listen.ts'
import { RunningRequests } from '../web/running-requests.ts'
import { TypeMemory } from './content-type.ts'
import { ReadAheadRoom } from './read-ahead-room.ts'
import { type ServeParts, serve, stopping } from './serve.ts'
import { Turns } from './turns.ts'

/** What the gateway needs of a node: `StorageNode.gatewayParts()`. */
export type GatewayParts = {
  readonly openSession: (options: SessionOptions) => BlockSession
  readonly nodes: NodeCache
  /** A file of more bytes is read without a trace in the memory cache. Default: none is. */
  readonly passingBytes?: number
  readonly logger: Logger
  readonly metrics: Metrics
}

/** How long and how much the gateway bears with; each has its default in `core/limits.ts`. */
export type GatewayBounds = {
  readonly gatewayRequests: number
  readonly gatewayIdleMs: number
  readonly headMs: number
  readonly drainMs: number
}

export type GatewayOptions = {
  /** An address of this machine. Who can reach it can read what the node can get. */
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly bounds?: Partial<GatewayBounds>
}

export type GatewayServer = AsyncDisposable &
  Address & {
    /** As `http://127.0.0.1:8080`. */
    readonly url: string
    /** Takes no more requests, waits for those that run, aborts them after `drainMs`. */
    close(): Promise<void>
  }

/** Milliseconds that answers to aborted requests have to leave before their connections are cut. */
const LAST_WORDS_MS = 1000

/** Starts the gateway. Throws ADDRESS_IN_USE, and CONFIG_INVALID for an address that is not this machine's. */
export async function startGateway(
  parts: GatewayParts,
  options: GatewayOptions,
): Promise<GatewayServer> {
  const bounds: GatewayBounds = { ...limits, ...options.bounds }
  const requests = new RunningRequests()
  const server = createHttpServer(bounds, requests)
  const { metrics, openSession, nodes, passingBytes = Number.POSITIVE_INFINITY } = parts
  const log = child(parts.logger, 'gateway')
  const serving = {
    openSession,
    nodes,
    passingBytes,
    types: new TypeMemory(),
    requests,
    maxRequests: bounds.gatewayRequests,
    ahead: new ReadAheadRoom(),
    log,
  }
  const served = { ...serving, metrics, turns: new Turns() }
  server.on('request', (request, response) => {
    void handle(request, response, served)
  })
  const host = options.host.replace(/^\[(.*)\]$/, '$1')
  const { port } = await listen(listenerOf(server), { host, port: options.port })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= drain(server, requests, bounds.drainMs)
    return closed
  }
  return { host, port, url: urlOf({ host, port }), close, [Symbol.asyncDispose]: close }
}

function createHttpServer(
  { headMs, gatewayIdleMs }: GatewayBounds,
  requests: RunningRequests,
): Server {
  const server = createServer({
    keepAliveTimeout: limits.keepAliveMs,
    maxHeaderSize: limits.maxHeadBytes,
    headersTimeout: headMs,
    connectionsCheckingInterval: Math.max(50, headMs / 4),
    requireHostHeader: false,
  })
  // Node counts what leaves as progress. A client that waits for us is not the one that is slow.
  server.setTimeout(gatewayIdleMs, (socket: Socket) => {
    if (!requests.awaited(socket)) socket.destroy()
  })
  server.on('clientError', (error, socket: Socket) =>
    hangUp(error, socket, { isAnswering: (one) => requests.answering(one), answer: plainAnswer }),
  )
  return server
}

function listenerOf(server: Server): Listener {
  return {
    server,
    listen: ({ host, port }) =>
      new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port }, () => {
          server.off('error', reject)
          resolve()
        })
      }),
    close: () => closeServer(server),
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

function plainAnswer({ status, message }: ParserRefusal): string {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(message) + 1}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${message}\n`
}

/** What the ids of requests in the log begin with: they are told apart over restarts. */
const RUN = randomBytes(4).toString('hex')
let last = 0

type HandleParts = ServeParts & { readonly metrics: Metrics; readonly turns: Turns }

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  parts: HandleParts,
): Promise<void> {
  const exchange = new Exchange(`${RUN}-${++last}`, request, response)
  const ended = parts.requests.begin(exchange)
  const turn = parts.turns.next(request.socket, ended)
  parts.metrics.gatewayRunning.inc()
  const label = await exchange.hold(serve(exchange, parts, turn))
  await ended
  record(exchange, label, parts)
}

/** Counts and logs an exchange that ended: no query, no content. */
function record(exchange: Exchange, format: string, { metrics, log }: HandleParts): void {
  const { response, request, elapsedMs, bytesOut, id: requestId } = exchange
  const status = response.headersSent ? response.statusCode : 499
  metrics.gatewayRunning.dec()
  metrics.gatewayRequests.inc({ format, status })
  metrics.gatewaySeconds.observe({ format }, elapsedMs / 1000)
  metrics.gatewayBytes.inc({ format }, bytesOut)
  if (!log.isLevelEnabled('debug')) return
  const { method, url } = request
  const path = url?.split('?', 1)[0]?.slice(0, 200)
  log.debug({ requestId, method, path, format, status, ms: elapsedMs, bytesOut }, 'request')
}

/** Connections that wait for nothing are closed at once, the others when their answer is out. */
async function drain(server: Server, requests: RunningRequests, drainMs: number): Promise<void> {
  requests.startDraining()
  const closed = closeServer(server)
  if (!(await requests.drained(drainMs))) {
    requests.abort(stopping())
    await requests.drained(LAST_WORDS_MS)
  }
  server.closeAllConnections()
  await closed
  await requests.settled()
}

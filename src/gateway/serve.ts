import type { BlockSession, SessionOptions } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { NodeCache } from '../unixfs/node-cache.ts'
import { type Exchange, reasonOf } from '../web/exchange.ts'
import type { RunningRequests } from '../web/running-requests.ts'
import type { Ask, Reply } from './ask.ts'
import type { TypeMemory } from './content-type.ts'
import { respond } from './dispatch.ts'
import { HOME } from './home.ts'
import { negotiate } from './negotiate.ts'
import type { ReadAheadRoom } from './read-ahead-room.ts'
import { isFault, METHODS, refusalReply } from './refusal.ts'
import { type ContentTarget, originOf, parseRequestTarget } from './request-target.ts'
import { writeReply } from './write-reply.ts'

/** What requests are served out of. */
export type ServeParts = {
  readonly openSession: (options: SessionOptions) => BlockSession
  readonly nodes: NodeCache
  /** A file of more bytes is read without a trace in the memory cache. */
  readonly passingBytes: number
  readonly types: TypeMemory
  readonly requests: RunningRequests
  readonly maxRequests: number
  readonly ahead: ReadAheadRoom
  readonly log: Logger
}

/**
 * One request, from its head to the end of its answer; gives the label it is counted under. It waits
 * for its `turn` on the connection. Never rejects.
 */
export async function serve(
  exchange: Exchange,
  parts: ServeParts,
  turn?: Promise<void>,
): Promise<string> {
  try {
    admit(exchange, parts)
    if (turn !== undefined) await exchange.orAborted(turn)
    const target = targetOf(exchange)
    if (target.kind !== 'content') return await send(exchange, target.reply)
    using room = parts.ahead.take()
    await using blocks = parts.openSession({
      offline: onlyIfCached(exchange),
      root: target.root,
    })
    const ask = askOf(exchange, target, {
      nodes: parts.nodes,
      passingBytes: parts.passingBytes,
      readAheadBytes: room.bytes,
      blocks,
    })
    const reply = await respond(ask, parts.types)
    return await send(exchange, reply, ask)
  } catch (error) {
    return await refuse(exchange, error, parts.log)
  }
}

/** What keeps a request from being served at all, whatever it asks for. */
function admit(exchange: Exchange, { requests, maxRequests }: ServeParts): void {
  const { method = '', url = '' } = exchange.request
  if (requests.draining) throw stopping()
  if (requests.size > maxRequests) {
    throw new PrsmError('TOO_MANY_REQUESTS', 'the gateway answers as many requests as it can', {
      hint: `come back in ${limits.gatewayRetryAfterSeconds} seconds`,
    })
  }
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') {
    exchange.refusalStatus = 405
    throw new PrsmError('INVALID_INPUT', `the gateway is read-only: it answers ${METHODS}`)
  }
  if (url.length > limits.maxUrlBytes) {
    exchange.refusalStatus = 414
    throw new PrsmError('INVALID_INPUT', `the URL has more than ${limits.maxUrlBytes} bytes`)
  }
  if (exchange.hasBody) throw new PrsmError('INVALID_INPUT', `a ${method} request has no body`)
}

/** What requests are told while the server stops. */
export function stopping(): PrsmError {
  return new PrsmError('NODE_CLOSED', 'the gateway is shutting down', {
    hint: 'try again when it is up',
  })
}

type Target = ContentTarget | { readonly kind: 'reply'; readonly reply: Reply }

/** The content that is asked for, or an answer that needs none. */
function targetOf({ request }: Exchange): Target {
  if (request.method === 'OPTIONS') return { kind: 'reply', reply: PREFLIGHT }
  const { headers } = request
  const { host, url } = originOf(request.url ?? '', headers.host)
  if (SUBDOMAIN.test(host) && !url.startsWith('/ipfs/')) throw noSubdomains()
  const target = parseRequestTarget(url)
  if (target.kind === 'home') return { kind: 'reply', reply: HOME }
  if (target.kind === 'redirect') return { kind: 'reply', reply: movedTo(target.location) }
  checkServiceWorker(headers['service-worker'], target)
  return target
}

/** A host of a subdomain gateway: `CID.ipfs.localhost:8080`. */
const SUBDOMAIN = /^[^./]+\.ip[fn]s\./i

function noSubdomains(): PrsmError {
  return new PrsmError('NOT_IMPLEMENTED', 'this gateway serves no content by subdomain', {
    hint: 'ask for /ipfs/CID at the bare host',
  })
}

/** The common headers say it all. */
const PREFLIGHT: Reply = { status: 204, headers: { allow: METHODS }, label: 'options' }

function movedTo(location: string): Reply {
  return { status: 301, headers: { location, 'content-length': 0 }, label: 'redirect' }
}

/** A service worker of one content would rule over all others (specs.ipfs.tech, path gateway, 2.3). */
function checkServiceWorker(header: unknown, { path, trailingSlash }: ContentTarget): void {
  if (header !== 'script' || path.length > 0 || trailingSlash) return
  throw new PrsmError('INVALID_INPUT', 'no service worker may be registered for this scope', {
    hint: 'a path gateway shares one origin among all contents',
  })
}

/** True when the client wants what is stored here or nothing. */
function onlyIfCached({ request }: Exchange): boolean {
  return /\bonly-if-cached\b/i.test(request.headers['cache-control'] ?? '')
}

function askOf(
  { request, signal }: Exchange,
  target: ContentTarget,
  from: Pick<Ask, 'blocks' | 'nodes' | 'passingBytes' | 'readAheadBytes'>,
): Ask {
  const { headers } = request
  const choice = negotiate(target.query, headers.accept)
  return {
    ...target,
    ...from,
    signal,
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    header: (name) => {
      const value = headers[name]
      return typeof value === 'string' ? value : value?.join(', ')
    },
    format: choice.format,
    formatParameters: choice.parameters,
    formatAsked: choice.asked,
  }
}

async function send(exchange: Exchange, reply: Reply, ask?: Ask): Promise<string> {
  await writeReply(exchange, reply, ask?.urlPath)
  return reply.label ?? ask?.format ?? 'other'
}

/** Of a body in HTTP/1.0 the end of the connection is the end: only a reset tells that it is not whole. */
function cut({ request, response }: Exchange): void {
  if (request.httpVersion === '1.0') request.socket.resetAndDestroy()
  else response.destroy()
}

/**
 * Answers with the error. When the head of an answer is out already, the connection is cut, so that a
 * short body never looks whole.
 */
async function refuse(exchange: Exchange, thrown: unknown, log: Logger): Promise<string> {
  const { response, request, id: requestId, refusalStatus: status } = exchange
  const error = reasonOf(exchange, thrown)
  const facts = { requestId, err: error }
  if (isFault(error)) log.error(facts, 'a request failed')
  else log.debug(facts, 'a request was refused')
  if (response.headersSent) cut(exchange)
  else if (!response.destroyed) {
    const context = { requestId, accept: request.headers.accept, status }
    const reply = refusalReply(error, { ...context, onlyIfCached: onlyIfCached(exchange) })
    // What is left of a body nobody reads is no request.
    if (exchange.hasBody) response.shouldKeepAlive = false
    await writeReply(exchange, reply)
  }
  return 'error'
}

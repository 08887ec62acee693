import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import multipart from '@fastify/multipart'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { REQUEST_ID_HEADER } from '../api/schemas.ts'
import { PrsmError, toPrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { Exchange } from '../web/exchange.ts'
import type { RunningRequests } from '../web/running-requests.ts'
import { answerClientError } from './client-error.ts'
import { checkSource } from './loopback.ts'
import { type RefusalParts, refuse } from './refusal.ts'
import { type RequestLogParts, recordAtEnd } from './request-log.ts'
import { formLimits } from './upload-form.ts'

declare module 'fastify' {
  interface FastifyRequest {
    exchange: Exchange
  }
}

export type AppParts = RefusalParts &
  RequestLogParts & {
    readonly requests: RunningRequests
    /** Milliseconds the head of a request may take. */
    readonly headMs: number
  }

/** Fastify with what every route shares: who may ask, ids, the log, and how it is refused. */
export async function createApp(parts: AppParts): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    keepAliveTimeout: limits.keepAliveMs,
    requestIdHeader: false,
    genReqId: requestId,
    routerOptions: { maxParamLength: limits.maxHeadBytes },
    http: {
      maxHeaderSize: limits.maxHeadBytes,
      headersTimeout: parts.headMs,
      connectionsCheckingInterval: Math.max(50, parts.headMs / 4),
      // A missing or doubled Host is refused by us, with problem details.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) =>
      answerClientError(error, socket, {
        log: parts.log,
        isAnswering: (one) => parts.requests.answering(one),
      }),
    frameworkErrors: (error, request, reply) => {
      begin(request, reply, parts)
      void refuseReply(error, request, reply, parts)
    },
  })
  // With a listener Node leaves the answer to `Expect: 100-continue` to the route that wants the body.
  app.server.on('checkContinue', (request, response) => {
    app.server.emit('request', request, response)
  })
  addHooks(app, parts)
  await app.register(multipart, { limits: formLimits, throwFileSizeLimit: false })
  return app
}

function addHooks(app: FastifyInstance, parts: AppParts): void {
  app.addHook('onRequest', (request, reply, done) => {
    begin(request, reply, parts)
    done(refusalBefore(request, parts.requests))
  })
  app.setErrorHandler((error, request, reply) => refuseReply(error, request, reply, parts))
  app.setNotFoundHandler((request) => {
    throw new PrsmError('ROUTE_NOT_FOUND', `there is nothing at ${request.exchange.path}`, {
      hint: 'the API stands under /api/v1/ipfs',
    })
  })
  // A route reads its body itself, so every media type passes, unread.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
}

function begin(request: FastifyRequest, reply: FastifyReply, parts: AppParts): void {
  const exchange = new Exchange(request.id, request.raw, reply.raw)
  request.exchange = exchange
  exchange.response.setHeader(REQUEST_ID_HEADER, exchange.id)
  exchange.response.setHeader('x-content-type-options', 'nosniff')
  exchange.response.setHeader('cross-origin-resource-policy', 'same-origin')
  void parts.requests.begin(exchange)
  recordAtEnd(exchange, request.routeOptions.url, parts)
}

/** What keeps a request from being served at all, whatever it asks for. */
function refusalBefore(request: FastifyRequest, requests: RunningRequests): Error | undefined {
  try {
    admit(request, requests)
    return undefined
  } catch (error) {
    return toPrsmError(error)
  }
}

function admit({ exchange, method }: FastifyRequest, requests: RunningRequests): void {
  const { headersDistinct, headers, socket, url = '' } = exchange.request
  checkSource(headersDistinct['host'] ?? [], headers.origin, socket.localPort ?? 0)
  // `http://other/path` would overrule the Host (RFC 9112, 3.2.2); only proxies are asked like that.
  if (!url.startsWith('/')) {
    throw new PrsmError('INVALID_INPUT', 'the target of a request must be a path')
  }
  if (url.length > limits.maxUrlBytes) {
    exchange.refusalStatus = 414
    throw new PrsmError('INVALID_INPUT', `the URL has more than ${limits.maxUrlBytes} bytes`)
  }
  if (exchange.hasBody && (method === 'GET' || method === 'HEAD')) {
    throw new PrsmError('INVALID_INPUT', `a ${method} request has no body`)
  }
  if (requests.draining && !exchange.path.startsWith('/health/')) throw stopping()
}

/** What requests are told while the server stops. */
export function stopping(): PrsmError {
  return new PrsmError('NODE_CLOSED', 'the daemon is shutting down', {
    hint: 'try again when it is up; an upload that did not end stored nothing under a name',
  })
}

async function refuseReply(
  error: unknown,
  { exchange }: FastifyRequest,
  reply: FastifyReply,
  parts: RefusalParts,
): Promise<void> {
  reply.hijack()
  await refuse(exchange, error, parts)
}

/** The client's own id where it is a sane one, else a new one. */
function requestId({ headers }: IncomingMessage): string {
  const given = headers[REQUEST_ID_HEADER]
  return typeof given === 'string' && /^[\w.-]{1,128}$/.test(given) ? given : randomUUID()
}

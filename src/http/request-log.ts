import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Exchange } from '../web/exchange.ts'
import { statusOf } from './status.ts'

export type RequestLogParts = { readonly log: Logger; readonly metrics: Metrics }

/** Logs and counts an exchange when it ends: no query, no content, no path but the route's pattern. */
export function recordAtEnd(
  exchange: Exchange,
  route: string | undefined,
  parts: RequestLogParts,
): void {
  exchange.response.once('close', () => record(exchange, route ?? 'unmatched', parts))
}

function record(exchange: Exchange, route: string, { log, metrics }: RequestLogParts): void {
  const { request, response, elapsedMs, bytesIn, bytesOut, id } = exchange
  const { method = '' } = request
  const status = response.headersSent ? response.statusCode : statusOf.CANCELLED
  metrics.httpRequests.inc({ method, route, status })
  metrics.httpSeconds.observe({ method, route }, elapsedMs / 1000)
  const complete = response.writableFinished
  const ms = Math.round(elapsedMs * 10) / 10
  log.info({ requestId: id, method, route, status, ms, bytesIn, bytesOut, complete }, 'request')
}

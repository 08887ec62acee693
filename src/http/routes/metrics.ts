import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../../telemetry/metrics.ts'
import { addRoute } from '../route.ts'

/** `GET /metrics`, in Prometheus' text format. */
export function addMetricsRoute(
  app: FastifyInstance,
  { metrics }: { readonly metrics: Metrics },
): void {
  addRoute(app, [['GET', 'HEAD'], '/metrics'], async (_request, reply) => {
    reply.type(metrics.registry.contentType)
    return await metrics.registry.metrics()
  })
}

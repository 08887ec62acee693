import type { FastifyInstance, FastifyReply } from 'fastify'
import { API_ROOT, health } from '../../api/schemas.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

export type HealthParts = {
  readonly node: Pick<ServedNode, 'status'>
  readonly version: string
  readonly isDraining: () => boolean
}

/**
 * `/health/live`: the process answers. `/health/ready`: it takes requests, 503 while it shuts down.
 * `/ipfs/health`: ready, and the store can be read.
 */
export function addHealthRoutes(app: FastifyInstance, parts: HealthParts): void {
  const { node, version, isDraining } = parts
  const ready = (reply: FastifyReply) => {
    reply.header('cache-control', 'no-store').code(isDraining() ? 503 : 200)
    return health.parse({ status: isDraining() ? 'draining' : 'ok', version })
  }
  const get = ['GET', 'HEAD'] as const
  addRoute(app, [get, '/health/live'], () => health.parse({ status: 'ok', version }))
  addRoute(app, [get, '/health/ready'], (_request, reply) => ready(reply))
  addRoute(app, [get, `${API_ROOT}/ipfs/health`], async (_request, reply) => {
    await node.status()
    return ready(reply)
  })
}

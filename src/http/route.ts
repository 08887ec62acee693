import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PrsmError } from '../core/errors.ts'

export type Method = 'GET' | 'HEAD' | 'POST' | 'DELETE'

/** Returns what is answered as JSON. One that has answered by itself hijacks the reply when it is done. */
export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Adds a route; its other methods answer 405 with what is allowed (RFC 9110, 15.5.6). */
export function addRoute(
  app: FastifyInstance,
  [methods, url]: readonly [readonly Method[], string],
  handler: Handler,
): void {
  const others = METHODS.filter((method) => !methods.some((allowed) => allowed === method))
  const allowed = methods.join(', ')
  app.route({
    method: [...methods],
    url,
    handler: async (request, reply) => await handler(request, reply),
  })
  app.route({ method: others, url, handler: (request) => refuseMethod(request, allowed) })
}

function refuseMethod({ exchange, method }: FastifyRequest, allowed: string): never {
  exchange.response.setHeader('allow', allowed)
  exchange.refusalStatus = 405
  throw new PrsmError('ROUTE_NOT_FOUND', `${method} is not possible here`, {
    hint: `this path takes ${allowed}`,
  })
}

import type { FastifyInstance } from 'fastify'
import { API_ROOT, collectBody, collectionResult, repoStat } from '../../api/schemas.ts'
import { optionalJsonBody } from '../json-body.ts'
import { parseBody } from '../query.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

type RepoParts = {
  readonly node: Pick<ServedNode, 'collect' | 'repoStat'>
  /** Milliseconds a body may go without a byte. */
  readonly idleMs: number
}

/** `GET /ipfs/repo/stat`: what the store takes. `POST /ipfs/repo/gc`: takes what nothing keeps. */
export function addRepoRoutes(app: FastifyInstance, { node, idleMs }: RepoParts): void {
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/repo/stat`], async () =>
    repoStat.parse(await node.repoStat()),
  )
  addRoute(app, [['POST'], `${API_ROOT}/ipfs/repo/gc`], async ({ exchange }) => {
    const how = parseBody(collectBody, await optionalJsonBody(exchange, idleMs))
    const { signal } = exchange
    return collectionResult.parse(await exchange.hold(node.collect({ ...how, signal })))
  })
}

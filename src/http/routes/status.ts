import type { FastifyInstance } from 'fastify'
import { API_ROOT, nodeStatus } from '../../api/schemas.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

/** `GET /ipfs/status`: what the node holds. */
export function addStatusRoute(
  app: FastifyInstance,
  { node }: { readonly node: Pick<ServedNode, 'status'> },
): void {
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/status`], async () =>
    nodeStatus.parse(await node.status()),
  )
}

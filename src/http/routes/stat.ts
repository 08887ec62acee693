import type { FastifyInstance } from 'fastify'
import { API_ROOT, contentStat } from '../../api/schemas.ts'
import { formatTarget } from '../../core/cid.ts'
import { targetOfUrl } from '../content-path.ts'
import { isOffline } from '../query.ts'
import { addRoute, type Handler } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

const CID_SEGMENT = 5

/** `GET /ipfs/stat/{cid}[/path]`. */
export function addStatRoute(
  app: FastifyInstance,
  { node }: { readonly node: Pick<ServedNode, 'stat'> },
): void {
  const handler: Handler = async (request) => {
    const target = targetOfUrl(request.raw.url ?? '', CID_SEGMENT)
    const { signal } = request.exchange
    const offline = isOffline(request.query)
    return contentStat.parse(await node.stat(formatTarget(target), { signal, offline }))
  }
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/stat/:cid`], handler)
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/stat/:cid/*`], handler)
}

import type { FastifyInstance } from 'fastify'
import { API_ROOT, connectBody, nodeIdentity, peerConnection, peerList } from '../../api/schemas.ts'
import { PrsmError } from '../../core/errors.ts'
import type { Exchange } from '../../web/exchange.ts'
import { jsonBody } from '../json-body.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

type PeerParts = {
  readonly node: Pick<ServedNode, 'id' | 'peers' | 'connectPeer' | 'disconnectPeer'>
  /** Milliseconds a body may go without a byte. */
  readonly idleMs: number
}

/** Who this node is (`/ipfs/id`), and its connections to others (`/ipfs/peers`). */
export function addPeerRoutes(app: FastifyInstance, { node, idleMs }: PeerParts): void {
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/id`], async () =>
    nodeIdentity.parse(await node.id()),
  )
  const peers = `${API_ROOT}/ipfs/peers`
  addRoute(app, [['GET', 'HEAD', 'POST'], peers], async ({ exchange, method }) => {
    if (method !== 'POST') return peerList.parse({ peers: await node.peers() })
    const { address } = await connectRequest(exchange, idleMs)
    const { signal } = exchange
    return peerConnection.parse(await exchange.hold(node.connectPeer(address, { signal })))
  })
  addRoute(app, [['DELETE'], `${peers}/:id`], async (request, reply) => {
    const { id } = Object(request.params)
    await node.disconnectPeer(String(id))
    reply.code(204)
  })
}

async function connectRequest(exchange: Exchange, idleMs: number) {
  const parsed = connectBody.safeParse(await jsonBody(exchange, idleMs))
  if (parsed.success) return parsed.data
  throw new PrsmError('INVALID_INPUT', 'the body is not {"address": "MULTIADDR"}', {
    hint: 'MULTIADDR is what `prsm id` prints on the other side',
    cause: parsed.error,
  })
}

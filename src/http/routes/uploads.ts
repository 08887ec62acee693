import type { FastifyInstance } from 'fastify'
import { API_ROOT, listQuery, uploadPage } from '../../api/schemas.ts'
import { LOCAL } from '../../core/caller.ts'
import { parseQuery } from '../query.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

/** `GET /ipfs/uploads?limit&before`: what was uploaded, newest first. */
export function addUploadsRoute(
  app: FastifyInstance,
  { node }: { readonly node: Pick<ServedNode, 'list'> },
): void {
  addRoute(app, [['GET', 'HEAD'], `${API_ROOT}/ipfs/uploads`], async (request) =>
    uploadPage.parse(await node.list(parseQuery(listQuery, request.query), LOCAL)),
  )
}

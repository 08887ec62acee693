import type { FastifyInstance } from 'fastify'
import { API_ROOT, CAR, importQuery, importResult, OCTETS } from '../../api/schemas.ts'
import { LOCAL } from '../../core/caller.ts'
import { checkMediaType } from '../media-type.ts'
import { parseQuery } from '../query.ts'
import { acceptBody, checkHasBody, requestBytes } from '../request-body.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

type ImportParts = {
  readonly node: Pick<ServedNode, 'importCar'>
  /** Milliseconds a body may go without a byte. */
  readonly idleMs: number
}

/** `POST /ipfs/dag/import?pin`: the blocks of a CAR, whose roots are rooted unless `pin=false`. */
export function addDagImportRoute(app: FastifyInstance, { node, idleMs }: ImportParts): void {
  addRoute(app, [['POST'], `${API_ROOT}/ipfs/dag/import`], async ({ exchange, query }) => {
    const { pin } = parseQuery(importQuery, query)
    checkMediaType(exchange.request, [CAR, OCTETS])
    checkHasBody(exchange)
    acceptBody(exchange)
    const source = requestBytes(exchange, { maxBytes: 0, idleMs })
    const { signal } = exchange
    const importing = node.importCar(source, { pin: pin !== 'false', signal }, LOCAL)
    return importResult.parse(await exchange.hold(importing))
  })
}

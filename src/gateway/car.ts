import type { CID } from 'multiformats/cid'
import { type DagBlock, dagBlocks } from '../car/traverse.ts'
import { entityLinks } from '../car/traverse-entity.ts'
import { allLinks, type Expand } from '../car/traverse-links.ts'
import { traceWay } from '../car/traverse-path.ts'
import { CAR_HEADROOM, carChunks } from '../car/write.ts'
import { primed } from '../web/response-stream.ts'
import type { Ask, Responder } from './ask.ts'
import {
  acceptedParameters,
  type CarParameters,
  carParameters,
  parametersTag,
} from './car-parameters.ts'
import { notModified } from './content-reply.ts'
import { formatHeaders } from './format-headers.ts'

/**
 * A CAR: the blocks that show the path, then what the parameters say of the DAG at its end
 * (specs.ipfs.tech, trustless gateway, CAR Responses). What fails before the first bytes has a status;
 * a block that is missing further on ends the body in an error.
 */
export const carResponder: Responder = async (ask) => {
  const { blocks, signal } = ask
  const parameters = carParameters(ask)
  const way = await traceWay(blocks, ask, { signal })
  const name = [way.cid, ...ask.path.slice(-1)].join('_')
  const headers = {
    ...formatHeaders(ask, {
      roots: way.roots,
      kind: 'attachment',
      name: `${name}.car`,
      parameters: acceptedParameters(ask),
    }),
    'accept-ranges': 'none',
  }
  const tag = parametersTag(parameters, [ask.root, ...ask.path].join('/'))
  const etag = `W/"${way.cid}.car.${tag}"`
  const known = notModified(ask, etag, headers)
  if (known !== undefined) return known
  const answer = { status: 200, headers: { ...headers, etag, 'content-type': typeOf(parameters) } }
  if (ask.method === 'HEAD') {
    // What a GET is refused for before its head, this is, too: no root, or one that is malformed.
    expandOf(parameters)({ cid: way.cid }, await blocks.get(way.cid, { signal }))
    return answer
  }
  return { ...answer, body: await primed(carChunks([way.cid], carBlocks(ask, way, parameters))) }
}

function typeOf({ duplicates }: CarParameters): string {
  return `application/vnd.ipld.car; version=1; order=dfs; dups=${duplicates ? 'y' : 'n'}`
}

type Traced = { readonly cid: CID; readonly blocks: readonly CID[] }

/** The path's blocks are all above the others: none of them comes again. */
async function* carBlocks(
  { blocks, signal, readAheadBytes }: Ask,
  way: Traced,
  parameters: CarParameters,
): AsyncGenerator<DagBlock, void, void> {
  for (const cid of way.blocks) {
    yield { cid, bytes: await blocks.get(cid, { signal }), waits: false }
  }
  const { duplicates } = parameters
  const walk = { signal, duplicates, expand: expandOf(parameters), headroom: CAR_HEADROOM }
  const ahead = readAheadBytes === undefined ? {} : { readAheadBytes }
  yield* dagBlocks(blocks, way.cid, { ...walk, ...ahead })
}

function expandOf({ scope, bytes }: CarParameters): Expand {
  if (scope === 'all') return allLinks
  return scope === 'block' ? () => undefined : entityLinks(bytes)
}

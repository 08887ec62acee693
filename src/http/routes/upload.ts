import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { API_ROOT, OCTETS, TAR, uploadQuery, uploadResult } from '../../api/schemas.ts'
import { LOCAL } from '../../core/caller.ts'
import { limits } from '../../core/limits.ts'
import type { UploadOptions, UploadSource } from '../../core/storage.ts'
import { unpackTar } from '../../files/tar.ts'
import type { Exchange } from '../../web/exchange.ts'
import { FORM, type UploadType, uploadTypeOf } from '../media-type.ts'
import { parseQuery } from '../query.ts'
import {
  acceptBody,
  type BodyBounds,
  checkHasBody,
  checkSize,
  declaredBytes,
  requestBytes,
} from '../request-body.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'
import { openForm } from '../upload-form.ts'

export type UploadParts = { readonly node: Pick<ServedNode, 'upload'>; readonly body: BodyBounds }

type Content = { readonly source: UploadSource; readonly options: UploadOptions }

/** `POST /ipfs/upload`: a file as it is, a form with one file, or a folder as a tar archive. */
export function addUploadRoute(app: FastifyInstance, { node, body }: UploadParts): void {
  addRoute(app, [['POST'], `${API_ROOT}/ipfs/upload`], async (request, reply) => {
    const { exchange } = request
    const { pin, ...named } = parseQuery(uploadQuery, request.query)
    const type = uploadTypeOf(exchange.request)
    checkHasBody(exchange)
    checkAnnounced(exchange, type, body.maxBytes)
    acceptBody(exchange)
    const { source, options } = await contentOf(request, type, body)
    const how = { ...options, ...named, pin: pin !== 'false', signal: exchange.signal }
    return answer(reply, await exchange.hold(node.upload(source, how, LOCAL)))
  })
}

function answer(reply: FastifyReply, result: z.infer<typeof uploadResult>) {
  reply.code(result.created ? 201 : 200)
  reply.header('location', `${API_ROOT}/ipfs/${result.cid}`)
  return uploadResult.parse(result)
}

/** Refuses by the announced length, before a byte is read. A folder's files are counted one by one. */
function checkAnnounced(exchange: Exchange, type: UploadType, maxBytes: number): void {
  if (type === TAR) return
  const overhead = type === FORM ? limits.formOverheadBytes : 0
  checkSize((declaredBytes(exchange) ?? 0) - overhead, maxBytes)
}

async function contentOf(
  request: FastifyRequest,
  type: UploadType,
  body: BodyBounds,
): Promise<Content> {
  const { exchange } = request
  if (type === OCTETS) return rawContent(exchange, body)
  if (type === FORM) {
    const { content, ...options } = await openForm(request, body)
    return { source: content, options }
  }
  const bytes = requestBytes(exchange, { ...body, maxBytes: 0 })
  return { source: { entries: unpackTar(bytes, { signal: exchange.signal }) }, options: {} }
}

function rawContent(exchange: Exchange, body: BodyBounds): Content {
  const bytesTotal = declaredBytes(exchange)
  const source = requestBytes(exchange, body)
  return { source, options: bytesTotal === undefined ? {} : { bytesTotal } }
}

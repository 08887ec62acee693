// A host application on Fastify 5 that keeps files: POST /files?name=… stores a body of any size, GET
// /files/CID gives it back. Bodies are streams both ways: memory stays flat.
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import { createStorageNode, type ErrorCode, isPrsmError } from 'prsm-ipfs'

const node = await createStorageNode({ dataDir: process.env['DATA_DIR'] ?? './prsm-data' })
const app = Fastify({ logger: false })
app.addHook('onClose', () => node.close())

// Fastify collects no body: the routes read the request itself, whatever its type.
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', (_request, _payload, done) => done(null))

app.post<{ Querystring: { name?: string } }>('/files', async (request, reply) => {
  // Not destroyed when the upload is refused: the client is to see the answer.
  const body = request.raw.iterator({ destroyOnReturn: false })
  const length = request.headers['content-length']
  const stored = await node.upload(body, {
    filename: request.query.name ?? 'upload',
    ...(length !== undefined && { bytesTotal: Number(length) }),
  })
  return reply.code(stored.created ? 201 : 200).send(stored)
})

app.get<{ Params: { cid: string } }>('/files/:cid', async (request, reply) => {
  const { cid, bytes } = await node.stat(request.params.cid)
  // Downloads, not pages: stored HTML is not to run under this application's origin.
  reply.header('content-disposition', `attachment; filename="${cid}"`)
  reply.header('x-content-type-options', 'nosniff')
  reply.type('application/octet-stream').header('content-length', bytes)
  return reply.send(Readable.from(node.download(cid), { objectMode: false }))
})

app.get('/files', async () => node.list({ limit: 100 }))

const statusOf: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  INVALID_CID: 400,
  UPLOAD_INCOMPLETE: 400,
  CONTENT_NOT_FOUND: 404,
  UPLOAD_TOO_LARGE: 413,
  NODE_CLOSED: 503,
  STORAGE_FULL: 507,
}

app.setErrorHandler((error, _request, reply) => {
  if (!isPrsmError(error)) return reply.send(error)
  const { code, message, hint } = error
  return reply.code(statusOf[code] ?? 500).send({ code, message, hint })
})

const url = await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' })
console.log(`listening on ${url}`)

// Uploads that run end with NODE_CLOSED and leave nothing named; what was acknowledged is safe.
process.once('SIGTERM', () => void app.close())

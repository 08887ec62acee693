// A host application on Express 5 that keeps files: POST /files?name=… stores a body of any size, GET
// /files/CID gives it back. Bodies are streams both ways: memory stays flat.
import { pipeline } from 'node:stream/promises'
import express, { type ErrorRequestHandler } from 'express'
import { createStorageNode, type ErrorCode, isPrsmError } from 'prsm-ipfs'

const node = await createStorageNode({ dataDir: process.env['DATA_DIR'] ?? './prsm-data' })
const app = express()

app.post('/files', async (request, response) => {
  // Not destroyed when the upload is refused: the client is to see the answer.
  const body = request.iterator({ destroyOnReturn: false })
  const length = request.headers['content-length']
  const stored = await node.upload(body, {
    filename: String(request.query['name'] ?? 'upload'),
    ...(length !== undefined && { bytesTotal: Number(length) }),
  })
  response.status(stored.created ? 201 : 200).json(stored)
})

app.get('/files/:cid', async (request, response) => {
  const { cid, bytes } = await node.stat(request.params.cid)
  // Downloads, not pages: stored HTML is not to run under this application's origin.
  response.attachment(cid).set('x-content-type-options', 'nosniff')
  response.type('application/octet-stream').set('content-length', String(bytes))
  await pipeline(node.download(cid), response)
})

app.get('/files', async (_request, response) => {
  response.json(await node.list({ limit: 100 }))
})

const statusOf: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  INVALID_CID: 400,
  UPLOAD_INCOMPLETE: 400,
  CONTENT_NOT_FOUND: 404,
  UPLOAD_TOO_LARGE: 413,
  NODE_CLOSED: 503,
  STORAGE_FULL: 507,
}

const answerError: ErrorRequestHandler = (error, _request, response, next) => {
  // A download that broke off is cut, so that it does not look whole.
  if (response.headersSent) return response.destroy()
  if (!isPrsmError(error)) return next(error)
  const { code, message, hint } = error
  response.status(statusOf[code] ?? 500).json({ code, message, hint })
}
app.use(answerError)

const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') {
    console.log(`listening on http://127.0.0.1:${address.port}`)
  }
})

process.once('SIGTERM', async () => {
  server.close()
  // Uploads that run end with NODE_CLOSED and leave nothing named; what was acknowledged is safe.
  await node.close()
  server.closeIdleConnections()
})

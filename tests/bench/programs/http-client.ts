import { createReadStream } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { API_ROOT, OCTETS, uploadResult } from '../../../src/api/schemas.ts'
import { Connection } from './connection.ts'
import { getRange, loadConnections } from './load-connections.ts'
import type { RangesAsked } from './ranges.ts'
import { serve } from './serve.ts'

/* A client that does nothing but move bytes, so that the daemon is what is measured. */

const methods = {
  async importFile(file: { readonly url: string; readonly path: string; readonly bytes: number }) {
    const begun = performance.now()
    const sent = request(`${file.url}${API_ROOT}/ipfs/upload?filename=bench`, {
      method: 'POST',
      headers: { 'content-type': OCTETS, 'content-length': file.bytes },
    })
    const answered = responseOf(sent)
    const content = createReadStream(file.path, { highWaterMark: 1_048_576 })
    const [response] = await Promise.all([answered, pipeline(content, sent)])
    const text = await textOf(response)
    if (response.statusCode !== 201) throw new Error(`${response.statusCode}: ${text}`)
    const { cid, sha256 } = uploadResult.parse(JSON.parse(text))
    return { ms: performance.now() - begun, cid, sha256 }
  },

  async readFile({ url, cid }: { readonly url: string; readonly cid: string }) {
    using connection = await Connection.open(url)
    const begun = performance.now()
    const bytes = await connection.get(`${API_ROOT}/ipfs/${cid}`, {})
    return { ms: performance.now() - begun, bytes }
  },

  async ranges({ url, cid, bytes, ...asked }: RangesAsked & { readonly url: string }) {
    return await loadConnections(url, asked, (connection) =>
      getRange(connection, `${API_ROOT}/ipfs/${cid}`, bytes),
    )
  },
}

function responseOf(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => sent.on('response', resolve).on('error', reject))
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}

export type HttpClientMethods = typeof methods

serve(methods)

import { createReadStream } from 'node:fs'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { finished, pipeline } from 'node:stream/promises'
import { API_ROOT, OCTETS, uploadResult } from '../../../src/api/schemas.ts'
import { type RangesAsked, readRanges } from './ranges.ts'
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
    const begun = performance.now()
    const bytes = await read(`${url}${API_ROOT}/ipfs/${cid}`, {})
    return { ms: performance.now() - begun, bytes }
  },

  async ranges({ url, ...asked }: RangesAsked & { readonly url: string }) {
    const agent = new Agent({ keepAlive: true, maxSockets: asked.connections })
    const content = `${url}${API_ROOT}/ipfs/${asked.cid}`
    try {
      return await readRanges(asked, (offset, length) =>
        read(content, { agent, headers: { range: `bytes=${offset}-${offset + length - 1}` } }),
      )
    } finally {
      agent.destroy()
    }
  },
}

/** Bytes of the body. Rejects for a status other than 200 and 206, and for a body that breaks off. */
async function read(
  url: string,
  options: { readonly agent?: Agent; readonly headers?: Readonly<Record<string, string>> },
): Promise<number> {
  const sent = request(url, options)
  sent.end()
  const response = await responseOf(sent)
  const { statusCode } = response
  if (statusCode !== 200 && statusCode !== 206) {
    throw new Error(`${statusCode}: ${await textOf(response)}`)
  }
  let bytes = 0
  response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
  await finished(response)
  return bytes
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

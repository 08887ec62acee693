import { createHash } from 'node:crypto'
import { get, type IncomingMessage } from 'node:http'
import { finished } from 'node:stream/promises'
import { Connection } from './connection.ts'
import type { Load } from './load.ts'
import { getRange, loadConnections, rangeHeader } from './load-connections.ts'
import { serve } from './serve.ts'

/* A client of IPFS gateways that does nothing but count bytes: the same for all of them. */

/** `url` as `http://127.0.0.1:PORT`. */
type Content = { readonly url: string; readonly cid: string }

const RAW_BLOCK = 'Accept: application/vnd.ipld.raw\r\n'

const methods = {
  /** Ranges of 64 KiB at random offsets of a file of `bytes`. */
  async ranges({ url, cid, bytes, ...asked }: Content & Load & { readonly bytes: number }) {
    return await loadConnections(url, asked, async (connection) => {
      await getRange(connection, `/ipfs/${cid}`, bytes)
    })
  },

  /** Raw blocks of `bytes` each, at random. */
  async blocks({
    url,
    cids,
    bytes,
    ...asked
  }: Load & { readonly url: string; readonly cids: readonly string[]; readonly bytes: number }) {
    return await loadConnections(url, asked, async (connection) => {
      const cid = cids[Math.floor(Math.random() * cids.length)]
      expectBytes(await connection.get(`/ipfs/${cid}?format=raw`, { headers: RAW_BLOCK }), bytes)
    })
  },

  /** The whole file; its hash only where it is asked for, as it costs more than all else. */
  async file({ url, cid, hashed }: Content & { readonly hashed: boolean }) {
    using connection = await Connection.open(url)
    const hash = createHash('sha256')
    const onBody = hashed ? (piece: Uint8Array) => hash.update(piece) : undefined
    const begun = performance.now()
    const bytes = await connection.get(`/ipfs/${cid}`, onBody === undefined ? {} : { onBody })
    return { ms: performance.now() - begun, bytes, sha256: hash.digest('hex') }
  },

  /** A CAR of all below `cid`: its length is told by nobody. */
  async car({ url, cid }: Content) {
    const begun = performance.now()
    const headers = { accept: 'application/vnd.ipld.car' }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/ipfs/${cid}?format=car`, { headers }, resolve).on('error', reject)
    })
    if (response.statusCode !== 200) throw new Error(`a CAR: status ${response.statusCode}`)
    let bytes = 0
    response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength))
    await finished(response)
    return { ms: performance.now() - begun, bytes }
  },

  /** SHA-256 of a range. */
  async rangeHash({
    url,
    cid,
    offset,
    length,
  }: Content & { readonly offset: number; readonly length: number }) {
    using connection = await Connection.open(url)
    const hash = createHash('sha256')
    const headers = rangeHeader(offset, length)
    await connection.get(`/ipfs/${cid}`, {
      ...{ status: 206, headers },
      onBody: (piece) => hash.update(piece),
    })
    return hash.digest('hex')
  },
}

function expectBytes(got: number, wanted: number): void {
  if (got !== wanted) throw new Error(`${got} bytes came, not ${wanted}`)
}

export type GatewayClientMethods = typeof methods

serve(methods)

import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { type UnixFS, unixfs } from '@helia/unixfs'
import { FsBlockstore } from 'blockstore-fs'
import { createHeliaLight } from 'helia'
import { CID } from 'multiformats/cid'
import { serve } from './serve.ts'

/* Helia as its README sets it up for a folder, without a network. Its stores sync nothing. */

let fs: UnixFS

const methods = {
  async open({ dataDir }: { readonly dataDir: string }) {
    const blockstore = new FsBlockstore(join(dataDir, 'blocks'))
    await blockstore.open()
    const helia = createHeliaLight({ blockstore })
    await helia.start()
    fs = unixfs(helia)
  },

  async importFile({ path }: { readonly path: string }) {
    const begun = performance.now()
    const cid = await fs.addByteStream(createReadStream(path, { highWaterMark: 1_048_576 }))
    return { ms: performance.now() - begun, cid: cid.toString() }
  },

  async readFile({ cid }: { readonly cid: string }) {
    const begun = performance.now()
    let bytes = 0
    for await (const chunk of fs.cat(CID.parse(cid))) bytes += chunk.byteLength
    return { ms: performance.now() - begun, bytes }
  },
}

export type HeliaMethods = typeof methods

serve(methods)

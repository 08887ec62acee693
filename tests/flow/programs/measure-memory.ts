// Uploads so many mebibytes and reads them slowly; tells by how much resident memory grew at the most.
import { setTimeout as delay } from 'node:timers/promises'
import { createStorageNode } from '../../../src/index.ts'
import { largeContent } from '../../support/large-content.ts'

const [, , dataDir = '', mebibytes = ''] = process.argv
const node = await createStorageNode({ dataDir, maxFileBytes: 0 })
// The importer is loaded with the first large file; that is no growth of this one.
await node.upload(largeContent(4))
const base = process.memoryUsage.rss()
let peak = base
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss())
}, 5)

const growth = () => Math.round((peak - base) / 1024 ** 2)
const { cid, bytes } = await node.upload(largeContent(Number(mebibytes)))
const upload = growth()
peak = base
let read = 0
for await (const chunk of node.download(cid)) {
  if (read === 0) await delay(1500)
  read += chunk.byteLength
}
const download = growth()
clearInterval(watch)
await node.close()
process.stdout.write(JSON.stringify({ upload, download, complete: read === bytes }))

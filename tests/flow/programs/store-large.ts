// One upload of many mebibytes; tells how far it is.
import { createStorageNode } from '../../../src/index.ts'
import { largeContent } from '../../support/large-content.ts'

const [, , dataDir = '', mebibytes = ''] = process.argv
// Whoever started this is gone: a test that failed leaves nothing behind.
process.once('disconnect', () => process.exit())
const node = await createStorageNode({ dataDir })
await node.upload(largeContent(Number(mebibytes)), {
  onProgress: ({ bytesDone }) => process.send?.({ bytesDone }),
})
process.send?.({ done: true })

/** A host application that uploads to a node in its own process until it is refused, and tells how. */
import { createStorageNode, isPrsmError } from '../../../src/index.ts'
import { noise, sameBytes } from '../../support/content.ts'

const [dataDir = ''] = process.argv.slice(2)
await using node = await createStorageNode({ dataDir, storageReserveBytes: 0 })
const before = (await node.list()).uploads.length
let refused: unknown
let stored = 0
for (; refused === undefined && stored < 50; stored += 1) {
  const bytes = noise(3_000_000, 1000 + stored)
  refused = await node.upload(bytes, { filename: `hosted-${stored}` }).then(
    async ({ cid }) => {
      const read = await node.download(cid).bytes()
      return sameBytes(read, bytes) ? undefined : new Error('it read other bytes')
    },
    (error: unknown) => error,
  )
}
const listed = (await node.list()).uploads.length - before
const told = isPrsmError(refused) ? { code: refused.code, hint: refused.hint } : String(refused)
process.stdout.write(JSON.stringify({ stored: stored - 1, listed, told }))

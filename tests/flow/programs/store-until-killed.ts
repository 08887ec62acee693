// Uploads files of mixed sizes and tells of each as soon as it is acknowledged, until it is killed.
import { createStorageNode } from '../../../src/index.ts'
import { noise } from '../../support/content.ts'

const [, , dataDir = '', first = '1', sizes = '[]'] = process.argv
// Whoever started this is gone: a test that failed leaves nothing behind.
process.once('disconnect', () => process.exit())
const node = await createStorageNode({ dataDir })
const all: number[] = JSON.parse(sizes)
for (const [at, size] of all.entries()) {
  const seed = Number(first) + at
  const { cid } = await node.upload(noise(size, seed), { filename: `${seed}` })
  process.send?.({ seed, size, cid })
}
setInterval(() => {}, 1000)

// A host application that does a bit of everything with a node; what it changed in its process it writes as one line.
import { createStorageNode } from '../../../src/index.ts'

const [, , dataDir = '', end = ''] = process.argv

function listeners() {
  const names = process.eventNames()
  return Object.fromEntries(names.map((name) => [String(name), process.listenerCount(name)]))
}

const before = { listeners: listeners(), globals: Object.keys(globalThis), title: process.title }
const node = await createStorageNode({ dataDir })
const { cid } = await node.upload(new Uint8Array(9 * 1024 ** 2), { bytesTotal: 9 * 1024 ** 2 })
await node.download(cid).bytes()
await node.upload({ path: import.meta.dirname })
await node.upload('x', { filename: '' }).catch(() => {})
await node.downloadTo(cid, `${dataDir}-saved`)
const signals = Array.from({ length: 50 }, () =>
  node.stat(cid, { signal: new AbortController().signal }),
)
await Promise.all(signals)
const during = { listeners: listeners(), globals: Object.keys(globalThis), title: process.title }
if (end === 'close') await node.close()
process.stdout.write(`${JSON.stringify({ before, during, cid })}\n`)

import { createStorageNode, type StorageNode } from '../../../src/index.ts'
import { rawCid } from '../../support/block-store.ts'
import { collected, sameBytes } from '../../support/content.ts'
import { checkAccounts, rootsOf } from './accounts.ts'
import { bytesOf, contentOf, copyOf, filesOf, isFolder, pathIn } from './contents.ts'
import { inlineWorker } from './inline-worker.ts'
import { pinning } from './pinning-node.ts'
import { type Expected, expectedFrom, type RunRecord } from './records.ts'
import { inTime } from './workload.ts'

/**
 * What must hold of a data folder, whatever happened to the node that had it. Opens it with a plain
 * node, and throws with what is wrong.
 */
export async function verify(dataDir: string, records: readonly RunRecord[]): Promise<void> {
  const expected = expectedFrom(records)
  await inTime(verifyReads(dataDir, expected), 'the node after the crash')
  await checkAccounts(dataDir, expected)
}

async function verifyReads(dataDir: string, expected: Expected): Promise<void> {
  await using node = await createStorageNode({ dataDir }, { worker: inlineWorker() })
  const rows = await allUploads(node)
  checkRows(rows, expected)
  const roots = new Set(rootsOf(dataDir))
  const read = new Set<string>()
  for (const { cid, filename } of rows) {
    const isKept = roots.has(cid) || expected.kept.has(cid)
    if (read.has(cid) || !isKept) continue
    read.add(cid)
    await checkContent(node, cid, filename)
  }
  for (const [archive, cid] of expected.imports) {
    if (expected.kept.has(cid)) await checkArchive(node, archive)
  }
  await checkPins(node, expected)
  await checkGoesOn(node, rows, expected)
}

type Row = { readonly cid: string; readonly filename: string }

async function allUploads(node: StorageNode): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (let before: number | undefined; ; ) {
    const page = await node.list({ limit: 100, ...(before !== undefined && { before }) })
    rows.push(...page.uploads)
    if (page.next === undefined) return rows
    before = page.next
  }
}

function checkRows(rows: readonly Row[], { uploads, begun }: Expected): void {
  const found = new Map<string, string>()
  for (const { cid, filename } of rows) {
    if (found.has(filename)) throw new Error(`${filename} is listed twice`)
    if (!begun.has(filename)) throw new Error(`${filename} is listed and was never uploaded`)
    found.set(filename, cid)
  }
  for (const [filename, cid] of uploads) {
    if (found.get(filename) === cid) continue
    throw new Error(`${filename} was acknowledged as ${cid}; listed is ${found.get(filename)}`)
  }
}

async function checkContent(node: StorageNode, cid: string, filename: string): Promise<void> {
  const content = contentOf(filename)
  if (!isFolder(content)) return await checkFile(node, cid, content)
  const files = filesOf(content)
  const wanted = new Map(files.map((file, at) => [pathIn(at, file), file]))
  for await (const entry of node.walk(cid)) {
    if (entry.kind === 'directory') continue
    const file = wanted.get(entry.path)
    wanted.delete(entry.path)
    if (file !== undefined && sameBytes(await collected(entry.content), bytesOf(file))) continue
    throw new Error(`${filename}: ${entry.path} is not what was uploaded`)
  }
  if (wanted.size > 0) throw new Error(`${filename} has lost ${[...wanted.keys()].join(', ')}`)
}

async function checkFile(node: StorageNode, cid: string, file: string): Promise<void> {
  if (sameBytes(await node.download(cid).bytes(), bytesOf(file))) return
  throw new Error(`${file} (${cid}) is not what was uploaded`)
}

async function checkArchive(node: StorageNode, archive: string): Promise<void> {
  for (const file of filesOf(archive)) {
    await checkFile(node, rawCid(bytesOf(file)).toString(), file)
  }
}

async function checkPins(node: StorageNode, { kept, released }: Expected): Promise<void> {
  const listed = pinning(node).pins?.()
  if (listed === undefined) return
  const pins = new Set<string>()
  for await (const { cid } of listed) pins.add(cid.toString())
  for (const cid of kept) if (!pins.has(cid)) throw new Error(`the pin of ${cid} is lost`)
  for (const cid of released) if (pins.has(cid)) throw new Error(`${cid} is pinned again`)
}

/** The node takes more: something new, and something it has acknowledged before. */
async function checkGoesOn(node: StorageNode, rows: readonly Row[], expected: Expected) {
  const added = await node.upload('after the crash', { filename: 'after' })
  if (!added.created) throw new Error('an upload that was never begun was there')
  const known = rows.find(({ cid, filename }) => expected.kept.has(cid) && !isFolder(filename))
  if (known === undefined) return
  const content = contentOf(known.filename)
  const again = await node.upload(copyOf(content), { filename: known.filename })
  if (again.cid === known.cid && !again.created && again.newBytes === 0) return
  throw new Error(`${known.filename} is stored again: ${JSON.stringify(again)}`)
}

import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { walkFolder } from '../../../src/unixfs/directory.ts'
import { importFile, importFolder } from '../../../src/unixfs/import.ts'
import { readFile } from '../../../src/unixfs/read.ts'
import { openStore, temporaryFolder } from '../../support/block-store.ts'
import { all, collect, pieces } from '../unixfs/memory-blocks.ts'
import { counted, openRetrieval } from './open-retrieval.ts'
import { ScriptedFetcher } from './scripted-fetcher.ts'

const MIB = 1024 * 1024

it('a file that is elsewhere is fetched with many wants at once, kept, and read offline', async () => {
  await using folder = await temporaryFolder()
  await using elsewhere = await openStore({ folder: null })
  const content = randomBytes(12 * MIB + 5)
  await using lease = elsewhere.store.lease()
  const { cid } = await importFile(lease, pieces(content, MIB))
  let [asking, most] = [0, 0]
  const fetcher = new ScriptedFetcher(async (wanted) => {
    most = Math.max(most, ++asking)
    await new Promise((resolve) => setTimeout(resolve, 2))
    asking -= 1
    return await elsewhere.store.get(wanted)
  })
  await using open = await openRetrieval({
    folder: folder.path,
    fetchers: [fetcher],
    cacheBytes: 8 * MIB,
  })
  const { passingBytes } = open.retrieval
  expect(passingBytes).toBe(2 * MIB)
  {
    await using session = open.retrieval.session()
    expect(Buffer.compare(await collect(readFile(session, cid, { passingBytes })), content)).toBe(0)
  }
  expect(most).toBe(9)
  await using offline = open.retrieval.session({ offline: true })
  expect(Buffer.compare(await collect(readFile(offline, cid, { passingBytes })), content)).toBe(0)
  expect(fetcher.questions).toHaveLength(14)
  expect(await counted(open.metrics.cacheHits)).toBe(1)
})

it('a folder that is elsewhere comes with all its files', async () => {
  await using elsewhere = await openStore({ folder: null })
  await using lease = elsewhere.store.lease()
  async function* entries() {
    for (let index = 0; index < 200; index++) {
      const content = pieces(Buffer.from(`file ${index}`))
      yield { kind: 'file' as const, path: `f${index}`, size: `file ${index}`.length, content }
    }
  }
  const { cid } = await importFolder(lease, entries())
  const fetcher = new ScriptedFetcher((wanted) => elsewhere.store.get(wanted))
  await using open = await openRetrieval({ fetchers: [fetcher] })
  await using session = open.retrieval.session()
  const texts = new Map<string, string>()
  for await (const entry of walkFolder(session, cid)) {
    if (entry.kind === 'file') texts.set(entry.path, (await collect(entry.content)).toString())
  }
  expect(texts.size).toBe(200)
  expect(texts.get('f17')).toBe('file 17')
  await using offline = open.retrieval.session({ offline: true })
  expect(await all(walkFolder(offline, cid))).toHaveLength(200)
})

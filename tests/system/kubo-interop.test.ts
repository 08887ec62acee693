import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FolderEntry } from '../../src/core/content.ts'
import { type GatewayServer, startGateway } from '../../src/gateway/server.ts'
import { createStorageNode, type StorageNode } from '../../src/node/storage-node.ts'
import { allCases } from '../gateway/conformance/all-cases.ts'
import { ask, check } from '../gateway/conformance/case.ts'
import { fixtureCars } from '../gateway/conformance/fixture.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { MIB, noise, sameBytes, sha256 } from '../support/content.ts'
import { type Kubo, startKubo } from './support/kubo.ts'

/* Kubo and we, side by side: blocks over Bitswap and CARs over the gateways, both ways. */

let stack: AsyncDisposableStack
let kubo: Kubo
let node: StorageNode
let gateway: GatewayServer
let folder: string

beforeAll(async () => {
  stack = new AsyncDisposableStack()
  kubo = stack.use(await startKubo())
  folder = stack.use(await temporaryFolder()).path
  node = stack.use(
    await createStorageNode({
      dataDir: join(folder, 'data'),
      network: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    }),
  )
  gateway = stack.use(await startGateway(node.gatewayParts(), { host: '127.0.0.1', port: 0 }))
  await node.connectPeer(kubo.peer)
}, 600_000)

afterAll(() => stack.disposeAsync())

const sizes = { 'one block': 1000, 'a file of 64 MiB': 64 * MIB }

describe.each(Object.entries(sizes))('%s over Bitswap', (name, size) => {
  test('from Kubo', async () => {
    const bytes = noise(size, 11)
    const cid = (await kubo.ipfs(['add', '-Q'], bytes)).toString().trim()
    expect(sameBytes(await node.download(cid).bytes(), bytes)).toBe(true)
    expect(await node.download(cid, { offline: true }).bytes({ maxBytes: size })).toHaveLength(size)
  })

  test('to Kubo', async () => {
    const bytes = noise(size, 12)
    const { cid } = await node.upload(bytes, { filename: name })
    const read = await kubo.ipfs(['cat', cid])
    expect(sha256(read)).toBe(sha256(bytes))
  })
})

/** A thousand files, each of another content. */
function* files(seed: number): Generator<{ path: string; bytes: Uint8Array }> {
  for (let at = 0; at < 1000; at += 1) {
    yield { path: `file-${at}.bin`, bytes: noise(500 + at, seed + at) }
  }
}

test('a folder of 1,000 files from Kubo over Bitswap', async () => {
  const source = join(folder, 'from-kubo')
  await mkdir(source)
  for (const { path, bytes } of files(1)) await writeFile(join(source, path), bytes)
  const cid = (await kubo.ipfs(['add', '-r', '-Q', source])).toString().trim()
  const saved = await node.downloadTo(cid, join(folder, 'from-kubo-saved'))
  expect(saved).toMatchObject({ kind: 'directory', files: 1000 })
  expect((await node.upload({ path: saved.path })).cid).toBe(cid)
})

test('a folder of 1,000 files to Kubo over Bitswap', async () => {
  const entries = async function* (): AsyncGenerator<FolderEntry> {
    for (const { path, bytes } of files(5000)) {
      yield { kind: 'file', path, size: bytes.length, content: Readable.from([bytes]) }
    }
  }
  const { cid } = await node.upload({ entries: entries() })
  await kubo.ipfs(['pin', 'add', cid])
  const target = join(folder, 'to-kubo')
  await kubo.ipfs(['get', '-o', target, cid])
  expect((await node.upload({ path: target })).cid).toBe(cid)
})

test('our node reads the CAR of Kubo’s gateway', async () => {
  const bytes = noise(5 * MIB, 21)
  const cid = (await kubo.ipfs(['add', '-Q'], bytes)).toString().trim()
  const answer = await fetch(`${kubo.gateway}/ipfs/${cid}?format=car`)
  await using other = await createStorageNode({ storage: 'memory' })
  const { roots } = await other.importCar(answer.body ?? [])
  expect(roots).toEqual([{ cid, complete: true, pinned: true, missing: [] }])
  expect(sameBytes(await other.download(cid).bytes(), bytes)).toBe(true)
})

test('Kubo reads the CAR of our gateway', async () => {
  const bytes = noise(5 * MIB, 22)
  const { cid } = await node.upload(bytes, { filename: 'car' })
  await using other = await startKubo()
  const answer = await fetch(`${gateway.url}/ipfs/${cid}?format=car`)
  await other.ipfs(['dag', 'import'], Buffer.from(await answer.arrayBuffer()))
  expect(sha256(await other.ipfs(['cat', cid]))).toBe(sha256(bytes))
})

/** Kubo begins to send this one before it sees what is wrong with it, and cuts the connection. */
const CUT = 'TAR of a folder with a name that leaves it'

test('the cases that our gateway is held to are answered by Kubo’s in the same way', async () => {
  for (const path of fixtureCars) await kubo.ipfs(['dag', 'import', '--pin-roots=false', path])
  for (const [spec, cases] of await allCases()) {
    for (const one of cases.filter(({ name }) => name !== CUT)) {
      await check(await ask(kubo.gateway, one), one).catch((error: unknown) => {
        throw new Error(`${spec}, ${one.name}`, { cause: error })
      })
    }
  }
})

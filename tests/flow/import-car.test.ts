import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, test, vi } from 'vitest'
import { dagBlocks } from '../../src/car/traverse.ts'
import { carChunks } from '../../src/car/write.ts'
import { DAG_PB } from '../../src/core/cid.ts'
import { type CarSource, createStorageNode, type StorageNode } from '../../src/index.ts'
import { rawCid, temporaryFolder } from '../support/block-store.ts'
import { carOf, carV2, type Entry } from '../support/car.ts'
import { inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'

vi.setConfig({ testTimeout: 60_000 })

function block(bytes: Uint8Array, codec?: number): Entry {
  const cid = rawCid(bytes)
  return { cid: codec === undefined ? cid : CID.createV1(codec, cid.multihash), bytes }
}

function pb(...links: readonly CID[]): Entry {
  const Links = links.map((Hash, index) => ({ Name: `${index}`, Hash, Tsize: 1 }))
  return block(dagPb.encode(dagPb.prepare({ Data: Uint8Array.of(8, 1), Links })), DAG_PB)
}

const memory = () => createStorageNode({ storage: 'memory' })

const leaves = [noise(100), noise(200, 2), noise(300, 3)].map((bytes) => block(bytes))
const folder = pb(...leaves.map(({ cid }) => cid))
const whole = await carOf([folder.cid], [folder, ...leaves])

async function listed(node: StorageNode, cid: CID): Promise<number> {
  let entries = 0
  for await (const entry of node.ls(cid, { offline: true })) entries += entry.name === '' ? 0 : 1
  return entries
}

describe('a CAR', () => {
  test('with all below its root is stored and rooted', async () => {
    await using place = await temporaryFolder()
    await using node = await createStorageNode({ dataDir: place.path })
    const first = await node.importCar(whole)
    const root = { cid: folder.cid.toString(), complete: true, pinned: true, missing: [] }
    const bytes = 600 + folder.bytes.byteLength
    const counts = { blocks: 4, bytes, newBytes: bytes, reusedBytes: 0 }
    expect(first).toEqual({ roots: [root], ...counts, durationMs: expect.any(Number) })
    expect(await node.importCar(whole)).toMatchObject({ newBytes: 0, reusedBytes: bytes })
    expect(await listed(node, folder.cid)).toBe(3)
    expect((await node.list()).uploads).toEqual([])
  })

  test('comes as bytes, as a stream, as a file by its path or URL', async () => {
    await using place = await temporaryFolder()
    const path = join(place.path, 'a.car')
    await writeFile(path, carV2(whole, { padding: 3, index: noise(99) }))
    const sources: CarSource[] = [
      whole,
      inPieces(whole, 10),
      new Blob([Buffer.from(whole)]).stream(),
      { path },
      pathToFileURL(path),
    ]
    for (const source of sources) {
      await using node = await memory()
      expect(await node.importCar(source)).toMatchObject({ blocks: 4 })
      expect(await listed(node, folder.cid)).toBe(3)
    }
  })

  test('may use its buffer again for the next piece', async () => {
    await using node = await memory()
    async function* reusing() {
      const buffer = new Uint8Array(64)
      for await (const piece of inPieces(whole, 64)) {
        buffer.set(piece)
        yield buffer.subarray(0, piece.byteLength)
      }
    }
    await node.importCar(reusing())
    for (const { cid, bytes } of leaves) {
      expect(sameBytes(await node.download(cid).bytes(), bytes)).toBe(true)
    }
  })

  test('of a node holds its uploads, larger blocks too', async () => {
    await using from = await memory()
    await using to = await memory()
    const bytes = noise(5 * MIB + 17)
    const { cid } = await from.upload(bytes)
    const { openSession } = from.gatewayParts()
    await using session = openSession({ offline: true })
    const root = CID.parse(cid)
    const car = carChunks([root], dagBlocks(session, root))
    expect(await to.importCar(car)).toMatchObject({ roots: [{ cid, complete: true }] })
    expect(sameBytes(await to.download(cid).bytes(), bytes)).toBe(true)
  })
})

describe('a root', () => {
  const incomplete = { complete: false, pinned: false }

  test('with blocks missing is stored, told and not rooted; the rest makes it whole', async () => {
    await using node = await memory()
    const cut = await carOf([folder.cid], [folder, ...leaves.slice(1)])
    const lacking = String(leaves[0]?.cid)
    const first = await node.importCar(cut)
    expect(first.roots).toMatchObject([{ ...incomplete, missing: [lacking] }])
    const second = await node.importCar(await carOf([folder.cid], leaves.slice(0, 1)))
    expect(second.roots).toMatchObject([{ complete: true, pinned: true }])
  })

  test('that is not there is told', async () => {
    await using node = await memory()
    const cid = folder.cid.toString()
    const { roots } = await node.importCar(await carOf([folder.cid], []))
    expect(roots).toEqual([{ cid, ...incomplete, missing: [cid] }])
  })

  test('names at most ten of what is missing', async () => {
    await using node = await memory()
    const wide = pb(...Array.from({ length: 50 }, (_, index) => rawCid(noise(9, index + 50))))
    const { roots } = await node.importCar(await carOf([wide.cid], [wide]))
    expect(roots[0]?.missing).toHaveLength(10)
  })

  test('is not rooted with pin: false, but stays what it was', async () => {
    await using node = await memory()
    const first = await node.importCar(whole, { pin: false })
    expect(first.roots).toMatchObject([{ complete: true, pinned: false }])
    await node.importCar(whole)
    const third = await node.importCar(whole, { pin: false })
    expect(third.roots).toMatchObject([{ complete: true, pinned: true }])
  })

  test('reaches through dag-cbor, and through CIDs that carry their block', async () => {
    await using node = await memory()
    const leaf = block(noise(50, 9))
    const inner = block(dagCbor.encode({ leaf: leaf.cid }), 0x71)
    const carried = CID.createV1(0x71, Digest.create(0, dagCbor.encode([inner.cid])))
    const top = pb(carried)
    const missing = await node.importCar(await carOf([top.cid, carried], [top, inner]))
    const lacks = [leaf.cid.toString()]
    expect(missing.roots.map((root) => root.missing)).toEqual([lacks, lacks])
    const { roots } = await node.importCar(await carOf([top.cid, carried], [leaf]))
    expect(roots.map(({ complete }) => complete)).toEqual([true, true])
  })

  test('whose block was stored as bytes only is looked into', async () => {
    await using node = await memory()
    const asBytes = block(folder.bytes)
    await node.importCar(await carOf([], [asBytes, ...leaves.slice(1)]))
    const { roots } = await node.importCar(await carOf([folder.cid], []))
    expect(roots).toMatchObject([{ ...incomplete, missing: [String(leaves[0]?.cid)] }])
  })

  test('that leads to one block in many ways is walked in linear time', async () => {
    await using node = await memory()
    const layers: Entry[] = [leaves[0] ?? folder]
    for (let depth = 0; depth < 60; depth++) {
      const below = layers.at(-1)?.cid ?? folder.cid
      layers.push(pb(...Array.from({ length: 40 }, () => below)))
    }
    const top = layers.at(-1)?.cid ?? folder.cid
    const { roots, durationMs } = await node.importCar(await carOf([top], layers))
    expect(roots).toMatchObject([{ complete: true }])
    expect(durationMs).toBeLessThan(5000)
  })
})

describe('what is not a CAR', () => {
  test('roots nothing, and the blocks before the fault are only kept', async () => {
    await using node = await memory()
    const error = await failureOf(node.importCar(whole.subarray(0, whole.byteLength - 1)))
    expect(error).toMatchObject({ code: 'CAR_INVALID', details: { offset: expect.any(Number) } })
    const [after] = (await node.importCar(await carOf([folder.cid], leaves.slice(2)))).roots
    expect(after).toMatchObject({ complete: true, pinned: true })
  })

  test('a block that is not what its codec says is BLOCK_REJECTED', async () => {
    await using node = await memory()
    const bad = [block(Buffer.from('not dag-pb'), DAG_PB), block(Uint8Array.of(0x9f), 0x71)]
    for (const entry of bad) {
      expect(await codeOf(node.importCar(await carOf([], [entry])))).toBe('BLOCK_REJECTED')
    }
  })

  test('a folder, a missing file and a broken source say what they are', async () => {
    await using place = await temporaryFolder()
    await using node = await memory()
    async function* broken() {
      yield whole.subarray(0, 50)
      throw new Error('the disk fell off')
    }
    expect(await codeOf(node.importCar({ path: place.path }))).toBe('NOT_A_FILE')
    expect(await codeOf(node.importCar({ path: join(place.path, 'x') }))).toBe('FILE_NOT_FOUND')
    expect(await codeOf(node.importCar(broken()))).toBe('UPLOAD_INCOMPLETE')
  })

  test('can be stopped, also while its source is silent', async () => {
    await using node = await memory()
    const stop = new AbortController()
    async function* silent() {
      yield whole.subarray(0, 50)
      stop.abort()
      await new Promise(() => {})
    }
    expect(await codeOf(node.importCar(silent(), { signal: stop.signal }))).toBe('CANCELLED')
  })
})

test('the import of a CAR tells its progress and is counted', async () => {
  await using node = await memory()
  const told: number[] = []
  await node.importCar(whole, { onProgress: ({ bytesDone }) => told.push(bytesDone) })
  expect(told.at(-1)).toBe(whole.byteLength)
  const text = await node.metrics.registry.metrics()
  expect(text).toMatch(/ipfs_operations_total\{operation="import",status="ok"\} 1/)
})

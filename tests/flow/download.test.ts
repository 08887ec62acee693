import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createStorageNode, type StorageNode } from '../../src/index.ts'
import { rawCid, temporaryFolder } from '../support/block-store.ts'
import { collected, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { openFiles } from '../support/open-files.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Three leaves and a tail; and files of one block, in the database and in a file. */
const contents = {
  'many blocks': noise(3 * MIB + 777),
  'one large block': noise(300_000, 2),
  'one small block': noise(1000, 3),
  nothing: new Uint8Array(0),
}

const stack = new AsyncDisposableStack()
let dataDir: string
let node: StorageNode
const cids: Record<string, string> = {}

beforeAll(async () => {
  dataDir = stack.use(await temporaryFolder()).path
  node = stack.use(await createStorageNode({ dataDir }))
  for (const [name, bytes] of Object.entries(contents)) cids[name] = (await node.upload(bytes)).cid
})

afterAll(() => stack.disposeAsync())

const cidOf = (name: string): string => cids[name] ?? ''

describe.each(Object.entries(contents))('a range of %s', (name, whole) => {
  const size = whole.byteLength
  const ranges: [number | undefined, number | undefined][] = [
    [undefined, undefined],
    [0, 0],
    [0, 1],
    [0, size],
    [0, size + 1],
    [0, Number.MAX_SAFE_INTEGER],
    [size, undefined],
    [size, 1],
    [Math.max(0, size - 1), undefined],
    [Math.max(0, size - 1), 100],
    [size >> 1, 1],
    [size >> 1, 70_000],
    [Math.min(size, MIB - 1), 2],
    [Math.min(size, 65_535), 2],
    [Math.min(size, 65_536), 65_536],
    [Math.min(size, 2 * MIB), MIB],
  ]

  it.each(ranges)('from %s, %s bytes', async (offset, length) => {
    const options = {
      ...(offset !== undefined && { offset }),
      ...(length !== undefined && { length }),
    }
    const expected = whole.subarray(offset ?? 0, (offset ?? 0) + (length ?? size))
    const download = node.download(cidOf(name), options)
    expect(sameBytes(await collected(download), expected)).toBe(true)
    expect(sameBytes(await download.bytes(), expected)).toBe(true)
  })

  it('that begins behind the end is INVALID_RANGE', async () => {
    for (const length of [undefined, 0, 10, 3 * MIB]) {
      const options = { offset: size + 1, ...(length !== undefined && { length }) }
      const download = node.download(cidOf(name), options)
      expect(await codeOf(download.bytes())).toBe('INVALID_RANGE')
      expect(await codeOf(collected(download))).toBe('INVALID_RANGE')
    }
  })

  it.each([
    { offset: -1 },
    { length: -1 },
    { offset: Number.NaN },
    { length: Number.NaN },
    { offset: 0.5 },
    { length: 1.5 },
    { offset: Number.POSITIVE_INFINITY },
    { offset: 2 ** 60 },
  ])('that is none (%o) is INVALID_RANGE', async (options) => {
    const download = node.download(cidOf(name), options)
    expect(await codeOf(collected(download))).toBe('INVALID_RANGE')
    expect(await codeOf(download.bytes())).toBe('INVALID_RANGE')
    const told = node.download(cidOf(name), { ...options, onProgress: () => {} })
    expect(await codeOf(collected(told))).toBe('INVALID_RANGE')
  })
})

describe('a download', () => {
  const name = 'many blocks'
  const whole = contents[name]

  it('can be iterated again, also twice at the same time', async () => {
    const download = node.download(cidOf(name))
    const both = await Promise.all([collected(download), collected(download)])
    for (const bytes of [...both, await collected(download)]) {
      expect(sameBytes(bytes, whole)).toBe(true)
    }
  })

  it('takes a CID as text, as an IPFS path, as a URL and as an object', async () => {
    const small = 'one small block'
    const text = cidOf(small)
    for (const content of [text, `/ipfs/${text}`, `ipfs://${text}`, CID.parse(text)]) {
      expect(sameBytes(await node.download(content).bytes(), contents[small])).toBe(true)
    }
  })

  it('collects no more than it is allowed to', async () => {
    const size = whole.byteLength
    const failure = await failureOf(node.download(cidOf(name)).bytes({ maxBytes: size - 1 }))
    expect(failure.code).toBe('INVALID_INPUT')
    expect(failure.details).toEqual({ bytes: size, maxBytes: size - 1 })
    expect((await node.download(cidOf(name)).bytes({ maxBytes: size })).length).toBe(size)
    const range = node.download(cidOf(name), { offset: 5, length: 10 })
    expect(await range.bytes({ maxBytes: 10 })).toHaveLength(10)
    expect(await codeOf(range.bytes({ maxBytes: 9 }))).toBe('INVALID_INPUT')
    expect(await codeOf(range.bytes({ maxBytes: Number.NaN }))).toBe('INVALID_INPUT')
  })

  it('gives bytes of its own: a consumer may write to them', async () => {
    for (const [each, bytes] of Object.entries(contents)) {
      for await (const chunk of node.download(cidOf(each))) chunk.fill(0)
      expect(sameBytes(await node.download(cidOf(each)).bytes(), bytes)).toBe(true)
    }
  })

  it('that its consumer leaves early leaves nothing open', async () => {
    const before = await openFiles(dataDir)
    for (let count = 0; count < 20; count += 1) {
      for await (const chunk of node.download(cidOf(name))) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      const items = node.download(cidOf(name))[Symbol.asyncIterator]()
      await items.next()
      await items.return?.()
    }
    await expect.poll(() => openFiles(dataDir)).toEqual(before)
  })

  it('that is aborted before it begins reads nothing', async () => {
    const signal = AbortSignal.abort()
    expect(await codeOf(collected(node.download(cidOf(name), { signal })))).toBe('CANCELLED')
    expect(await codeOf(node.download(cidOf(name), { signal }).bytes())).toBe('CANCELLED')
    expect(await codeOf(node.stat(cidOf(name), { signal }))).toBe('CANCELLED')
    expect(await codeOf(Array.fromAsync(node.ls(cidOf(name), { signal })))).toBe('CANCELLED')
  })

  it.each([undefined, new Error('enough'), 'enough', null])(
    'that is aborted on its way (for %s) says CANCELLED, with the reason',
    async (reason) => {
      const controller = new AbortController()
      const download = node.download(cidOf(name), { signal: controller.signal })
      const reading = async () => {
        for await (const _ of download) controller.abort(reason)
      }
      const failure = await failureOf(reading())
      expect(failure.code).toBe('CANCELLED')
      if (reason !== undefined) expect(failure.cause).toBe(reason)
    },
  )

  it('of what is not there, or is no CID, says which', async () => {
    const absent = rawCid(noise(10, 99)).toString()
    expect(await codeOf(node.download(absent).bytes())).toBe('CONTENT_NOT_FOUND')
    expect(await codeOf(node.stat(absent))).toBe('CONTENT_NOT_FOUND')
    for (const wrong of ['', 'abc', '/ipfs/', `${absent}x`, undefined, null, 7, {}]) {
      expect(await codeOf(node.download(wrong as string).bytes())).toBe('INVALID_CID')
      expect(await codeOf(node.stat(wrong as string))).toBe('INVALID_CID')
    }
    expect(await codeOf(node.download(`${absent}/../x`).bytes())).toBe('INVALID_INPUT')
  })
})

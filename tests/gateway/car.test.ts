import { CarReader } from '@ipld/car'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reply } from '../../src/gateway/ask.ts'
import { carResponder } from '../../src/gateway/car.ts'
import { type OpenStore, rawCid } from '../support/block-store.ts'
import { noise } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { inlineCid } from '../unit/car/blocks.ts'
import { putBlock, putFolder, putRaw } from '../unit/unixfs/hand-made.ts'
import { MemoryBlocks, SilentBlocks } from '../unit/unixfs/memory-blocks.ts'
import {
  carBytesCases,
  carOrderCases,
  carPathCases,
  carScopeCases,
} from './conformance/car-cases.ts'
import { check } from './conformance/case.ts'
import { type Fixture, openFixture } from './conformance/fixture.ts'
import { type AskOptions, askFor, bodyOf, fixtureStore, storeOf } from './support/asks.ts'

let open: OpenStore
let small: Fixture

beforeAll(async () => {
  open = await fixtureStore()
  small = await openFixture('trustless_gateway_car/subdir-with-two-single-block-files.car')
})

afterAll(async () => {
  await open[Symbol.asyncDispose]()
})

const car = (url: string, options?: AskOptions) => carResponder(askFor(open.store, url, options))

async function cidsOf(reply: Reply): Promise<string[]> {
  const reader = await CarReader.fromBytes(await bodyOf(reply))
  return await Array.fromAsync(reader.cids(), String)
}

const cases = [
  ...(await carPathCases()).filter(({ name }) => !name.startsWith('no such file')),
  ...(await carScopeCases()),
  ...(await carBytesCases()),
  ...(await carOrderCases()),
]

/** The suite's cases without a server between: what fails here is not the door's. */
test.each(cases.map((one) => [one.name, one] as const))('the suite: %s', async (_name, one) => {
  const accept = one.headers?.['Accept']
  const reply = await car(one.path, { headers: accept === undefined ? {} : { accept } })
  const headers = { 'x-content-type-options': 'nosniff', ...reply.headers }
  const told = Object.entries(headers).map(([name, value]) => [name, String(value)] as const)
  const { status } = reply
  await check({ status, headers: Object.fromEntries(told), body: await bodyOf(reply) }, one)
})

describe('the head', () => {
  test('says what is in it, and where it stands without Accept', async () => {
    const url = `/ipfs/${small.root}/subdir?dag-scope=entity`
    const accept = 'application/vnd.ipld.car; version=1; order=dfs; dups=y'
    const reply = await car(url, { headers: { accept } })
    const cid = small.at('subdir')
    expect(reply.status).toBe(200)
    expect(reply.headers).toEqual({
      'content-type': 'application/vnd.ipld.car; version=1; order=dfs; dups=y',
      'content-disposition': `attachment; filename="${cid}_subdir.car"; filename*=UTF-8''${cid}_subdir.car`,
      'content-location': `/ipfs/${small.root}/subdir?dag-scope=entity&car-version=1&car-order=dfs&car-dups=y&format=car`,
      'cache-control': 'public, max-age=29030400, immutable',
      'accept-ranges': 'none',
      'x-ipfs-roots': `${small.root},${cid}`,
      etag: reply.headers['etag'],
    })
    const head = await car(url, { headers: { accept }, method: 'HEAD' })
    expect(head.headers).toEqual(reply.headers)
    expect(head.body).toBeUndefined()
    expect(await cidsOf(reply)).toEqual([small.root, cid].map(String))
  })

  test('has another tag for other contents, and the same for the same', async () => {
    const tagOf = async (query: string, path = '') =>
      (await car(`/ipfs/${small.root}${path}?format=car${query}`, { method: 'HEAD' })).headers[
        'etag'
      ]
    const queries = [
      '',
      '&dag-scope=block',
      '&dag-scope=entity',
      '&entity-bytes=0:*',
      '&entity-bytes=0:5',
      '&entity-bytes=-5:*',
      '&car-dups=y',
    ]
    const tags = await Promise.all(queries.map((query) => tagOf(query)))
    expect(new Set([...tags, await tagOf('', '/subdir')]).size).toBe(queries.length + 1)
    expect(tags[0]).toMatch(new RegExp(`^W/"${small.root}\\.car\\.[0-9a-f]+"$`))
    expect(await tagOf('&dag-scope=all&car-order=unk&car-dups=n')).toBe(tags[0])
    const known = await car(`/ipfs/${small.root}?format=car`, {
      headers: { 'if-none-match': `"x", ${tags[0]}` },
    })
    expect(known.status).toBe(304)
    expect(known.body).toBeUndefined()
  })
})

test.each([
  'car-version=2',
  'car-order=bfs',
  'car-dups=yes',
  'dag-scope=some',
  'entity-bytes=5',
  'entity-bytes=5:2',
  'entity-bytes=-2:-5',
  'entity-bytes=*:5',
  'entity-bytes=0:1.5',
  'entity-bytes=0:99999999999999999999',
  'dag-scope=all%26entity-bytes=0:5',
  'dag-scope=block%26entity-bytes=0:5',
])('%s is INVALID_INPUT', async (query) => {
  const url = `/ipfs/${small.root}?format=car&${query.replace('%26', '&')}`
  expect(await codeOf(car(url))).toBe('INVALID_INPUT')
})

test.each([
  ['entity-bytes=0:9223372036854775807', 'entity-bytes=0:*'],
  ['entity-bytes=-9223372036854775808:*', 'entity-bytes=0:*'],
  ['entity-bytes=9223372036854775807:*', 'dag-scope=block'],
])('%s is up to the end, as %s', async (query, same) => {
  const file = `/ipfs/${small.root}/subdir/ascii.txt?format=car`
  const blocks = await cidsOf(await car(`${file}&${query}`))
  expect(blocks).toEqual(await cidsOf(await car(`${file}&${same}`)))
})

test('what Accept says of a CAR is held to the same', async () => {
  const headers = { accept: 'application/vnd.ipld.car; version=2' }
  expect(await codeOf(car(`/ipfs/${small.root}`, { headers }))).toBe('INVALID_INPUT')
})

describe('what is not there', () => {
  test.each([
    ['a root', () => `/ipfs/${rawCid(noise(99, 7))}?format=car`, 'CONTENT_NOT_FOUND'],
    ['a name', () => `/ipfs/${small.root}/subdir/no?format=car`, 'PATH_NOT_FOUND'],
    [
      'a name below a file',
      () => `/ipfs/${small.root}/subdir/ascii.txt/a?format=car`,
      'NOT_A_DIRECTORY',
    ],
  ])('%s has a status, for GET and HEAD', async (_name, url, code) => {
    expect(await codeOf(car(url()))).toBe(code)
    expect(await codeOf(car(url(), { method: 'HEAD' }))).toBe(code)
  })

  test('the content of a name that is there has a status, too', async () => {
    const blocks = new MemoryBlocks()
    const missing = rawCid(noise(50, 1))
    const root = await putFolder(blocks, [{ name: 'a', cid: missing }])
    await using store = await storeOf(blocks, [root])
    for (const method of ['GET', 'HEAD'] as const) {
      const ask = askFor(store.store, `/ipfs/${root}/a?format=car`, { method })
      expect(await codeOf(carResponder(ask))).toBe('CONTENT_NOT_FOUND')
    }
  })

  test('a root that is malformed has a status, for GET and HEAD', async () => {
    const blocks = new MemoryBlocks()
    const root = await putBlock(blocks, Buffer.from('{"a":'), { codec: 0x0129 })
    for (const method of ['GET', 'HEAD'] as const) {
      const ask = askFor(blocks, `/ipfs/${root}?format=car`, { method })
      expect(await codeOf(carResponder(ask))).toBe('DAG_INVALID')
      const block = askFor(blocks, `/ipfs/${root}?format=car&dag-scope=block`, { method })
      expect((await carResponder(block)).status).toBe(200)
    }
  })

  test('a block further on ends the body in an error', async () => {
    const blocks = new MemoryBlocks()
    const leaves = await Promise.all(
      [...Array(40).keys()].map((seed) => putRaw(blocks, noise(9000, seed))),
    )
    const names = leaves.map((cid, index) => ({ name: String(index).padStart(2, '0'), cid }))
    const root = await putFolder(blocks, names)
    await using store = await storeOf(blocks, [root, ...leaves.slice(0, -1)])
    const reply = await carResponder(askFor(store.store, `/ipfs/${root}?format=car`))
    expect(reply.status).toBe(200)
    expect(await codeOf(bodyOf(reply))).toBe('CONTENT_NOT_FOUND')
  })
})

describe('identity CIDs', () => {
  test('the probe is a CAR without blocks', async () => {
    const reply = await car('/ipfs/bafkqaaa?format=car')
    const reader = await CarReader.fromBytes(await bodyOf(reply))
    expect((await reader.getRoots()).map(String)).toEqual(['bafkqaaa'])
    expect(await Array.fromAsync(reader.cids())).toEqual([])
  })

  test('on the way and below are no blocks', async () => {
    const blocks = new MemoryBlocks()
    const root = await putFolder(blocks, [{ name: 'a', cid: inlineCid(Buffer.from('hello')) }])
    await using store = await storeOf(blocks, [root])
    const of = async (url: string) => cidsOf(await carResponder(askFor(store.store, url)))
    expect(await of(`/ipfs/${root}?format=car`)).toEqual([root.toString()])
    expect(await of(`/ipfs/${root}/a?format=car`)).toEqual([root.toString()])
  })
})

test('a value inside a document is its document, with what it needs', async () => {
  const document = await openFixture('trustless_gateway_car/dir-with-dag-cbor-with-links.car')
  const cbor = document.at('document')
  const reply = await car(`/ipfs/${document.root}/document/files?format=car&dag-scope=entity`)
  expect(await cidsOf(reply)).toEqual([document.root, cbor].map(String))
})

test('a client that goes away withdraws what is on its way', async () => {
  const blocks = new SilentBlocks()
  const leaf = await putRaw(blocks, noise(9, 1))
  const root = await putFolder(blocks, [{ name: 'a', cid: leaf }])
  blocks.answered.add(root.toString())
  const stop = new AbortController()
  const source = {
    get: blocks.get.bind(blocks),
    getPart: blocks.getPart.bind(blocks),
    size: async () => 1,
  }
  const ask = askFor(source, `/ipfs/${root}?format=car`, { signal: stop.signal })
  const reply = await carResponder(ask)
  const work = bodyOf(reply)
  setImmediate(() => stop.abort())
  expect(await codeOf(work)).toBe('CANCELLED')
  expect(blocks.aborted).toEqual([leaf.toString()])
})

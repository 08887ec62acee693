import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawResponder } from '../../src/gateway/raw.ts'
import type { OpenStore } from '../support/block-store.ts'
import { codeOf } from '../support/failure.ts'
import { type Fixture, openFixture } from './conformance/fixture.ts'
import { type AskOptions, askFor, bodyOf, fixtureStore } from './support/asks.ts'

let open: OpenStore
let fixture: Fixture

beforeAll(async () => {
  open = await fixtureStore()
  fixture = await openFixture('gateway-raw-block.car')
})

afterAll(async () => {
  await open[Symbol.asyncDispose]()
})

const raw = (url: string, options?: AskOptions) => rawResponder(askFor(open.store, url, options))

describe('one block', () => {
  test('has its bytes and its head, by format= and by Accept', async () => {
    const cid = fixture.at('dir', 'ascii.txt')
    const reply = await raw(`/ipfs/${fixture.root}/dir/ascii.txt?format=raw`)
    expect(reply.status).toBe(200)
    expect(reply.headers).toEqual({
      'content-type': 'application/vnd.ipld.raw',
      'content-length': fixture.block('dir', 'ascii.txt').length,
      'content-disposition': `attachment; filename="${cid}.bin"; filename*=UTF-8''${cid}.bin`,
      'cache-control': 'public, max-age=29030400, immutable',
      'accept-ranges': 'bytes',
      etag: `"${cid}.raw"`,
      'x-ipfs-roots': [fixture.root, fixture.at('dir'), cid].join(','),
    })
    expect(await bodyOf(reply)).toEqual(Buffer.from(fixture.block('dir', 'ascii.txt')))
    const accepted = await raw(`/ipfs/${fixture.root}/dir/ascii.txt`, {
      headers: { accept: 'application/vnd.ipld.raw' },
    })
    expect(accepted.headers).toEqual({
      ...reply.headers,
      'content-location': `/ipfs/${fixture.root}/dir/ascii.txt?format=raw`,
    })
  })

  test('is asked for in parts', async () => {
    const block = fixture.block('dir')
    const reply = await raw(`/ipfs/${fixture.root}/dir?format=raw`, {
      headers: { range: 'bytes=6-16' },
    })
    expect(reply.status).toBe(206)
    expect(reply.headers['content-range']).toBe(`bytes 6-16/${block.length}`)
    expect(await bodyOf(reply)).toEqual(Buffer.from(block.subarray(6, 17)))
    const outside = raw(`/ipfs/${fixture.root}/dir?format=raw`, { headers: { range: 'bytes=99-' } })
    expect(await codeOf(outside)).toBe('INVALID_RANGE')
  })

  test('under a name of the query, and when the client has it', async () => {
    const url = `/ipfs/${fixture.root}?format=raw&filename=foo.bin`
    const reply = await raw(url)
    expect(reply.headers['content-disposition']).toContain('filename="foo.bin"')
    const known = await raw(url, { headers: { 'if-none-match': `"${fixture.root}.raw"` } })
    expect(known.status).toBe(304)
    expect(known.body).toBeUndefined()
  })

  test('the probe bafkqaaa is empty', async () => {
    for (const method of ['GET', 'HEAD'] as const) {
      const reply = await raw('/ipfs/bafkqaaa?format=raw', { method })
      expect(reply.status).toBe(200)
      expect(reply.headers['content-length']).toBe(0)
      expect(reply.headers['etag']).toBe('"bafkqaaa.raw"')
      expect((await bodyOf(reply)).length).toBe(0)
    }
  })

  test('HEAD has the head of GET and reads no block', async () => {
    const ask = askFor(open.store, `/ipfs/${fixture.at('dir')}?format=raw`, { method: 'HEAD' })
    const noReads = { ...ask.blocks, get: () => Promise.reject(new Error('it was read')) }
    const reply = await rawResponder({ ...ask, blocks: noReads })
    const { headers } = await raw(`/ipfs/${fixture.at('dir')}?format=raw`)
    expect(reply.headers).toEqual(headers)
    expect(reply.body).toBeUndefined()
  })

  test('of any codec, and at the end of a path through a document', async () => {
    const document = await openFixture('trustless_gateway_car/dir-with-dag-cbor-with-links.car')
    const cbor = await raw(`/ipfs/${document.at('document')}?format=raw`)
    expect(await bodyOf(cbor)).toEqual(Buffer.from(document.block('document')))
    const linked = await raw(`/ipfs/${document.root}/document/files/single?format=raw`)
    expect(linked.headers['etag']).toBe(`"${document.at('document', 'files/single')}.raw"`)
  })
})

test.each([
  [
    '/ipfs/bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy?format=raw',
    'CONTENT_NOT_FOUND',
  ],
  [
    '/ipfs/bafybeicaj7kvxpcv4neaqzwhrqqmdstu4dhrwfpknrgebq6nzcecfucvyu/no?format=raw',
    'PATH_NOT_FOUND',
  ],
  [
    '/ipfs/bafybeicaj7kvxpcv4neaqzwhrqqmdstu4dhrwfpknrgebq6nzcecfucvyu/bar/a?format=raw',
    'NOT_A_DIRECTORY',
  ],
  [
    '/ipfs/baguqeeram5ujjqrwheyaty3w5gdsmoz6vittchvhk723jjqxk7hakxkd47xq/foo?format=raw',
    'NOT_IMPLEMENTED',
  ],
])('%s is %s', async (url, code) => {
  expect(await codeOf(raw(url))).toBe(code)
})

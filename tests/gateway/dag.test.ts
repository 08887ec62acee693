import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dagResponder } from '../../src/gateway/dag.ts'
import type { OpenStore } from '../support/block-store.ts'
import { noise } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { putCbor } from '../unit/car/blocks.ts'
import { putBlock } from '../unit/unixfs/hand-made.ts'
import { MemoryBlocks } from '../unit/unixfs/memory-blocks.ts'
import { openFixture } from './conformance/fixture.ts'
import { type AskOptions, askFor, bodyOf, fixtureStore } from './support/asks.ts'

let open: OpenStore

beforeAll(async () => {
  open = await fixtureStore()
})

afterAll(async () => {
  await open[Symbol.asyncDispose]()
})

const dag = (url: string, options?: AskOptions) => dagResponder(askFor(open.store, url, options))

const documents = await Promise.all(
  [
    { file: 'dag-json-traversal', format: 'dag-json', plain: 'json', kind: 'inline' },
    { file: 'dag-cbor-traversal', format: 'dag-cbor', plain: 'cbor', kind: 'attachment' },
    { file: 'plain-json', format: 'json', plain: 'json', kind: 'inline' },
    { file: 'plain-cbor', format: 'cbor', plain: 'cbor', kind: 'attachment' },
  ].map(async (each) => {
    const fixture = await openFixture(`path_gateway_dag/${each.file}.car`)
    return { ...each, cid: fixture.root, block: Buffer.from(fixture.block()) }
  }),
)

function typeOf(format: string): string {
  return format.startsWith('dag-') ? `application/vnd.ipld.${format}` : `application/${format}`
}

describe.each(documents)('$file', ({ cid, block, format, plain, kind }) => {
  test('is given as it is stored, whether it is asked for by name or not at all', async () => {
    for (const query of ['', `?format=${format}`]) {
      const reply = await dag(`/ipfs/${cid}${query}`)
      expect(reply.headers).toEqual({
        'content-type': typeOf(format),
        'content-length': block.length,
        'content-disposition': `${kind}; filename="${cid}.${plain}"; filename*=UTF-8''${cid}.${plain}`,
        'cache-control': 'public, max-age=29030400, immutable',
        'accept-ranges': 'bytes',
        etag: `"${cid}.${format}"`,
        'x-ipfs-roots': `${cid}`,
      })
      expect(await bodyOf(reply)).toEqual(block)
    }
  })

  test('is JSON or CBOR, too, under a type and a tag of its own', async () => {
    const reply = await dag(`/ipfs/${cid}`, { headers: { accept: `application/${plain}` } })
    expect(reply.headers['content-type']).toBe(`application/${plain}`)
    expect(reply.headers['etag']).toBe(`"${cid}.${plain}"`)
    expect(reply.headers['content-location']).toBe(`/ipfs/${cid}?format=${plain}`)
    expect(await bodyOf(reply)).toEqual(block)
  })

  test('is not made another codec of', async () => {
    const others = ['dag-json', 'dag-cbor', 'json', 'cbor'].filter(
      (other) => other !== format && other !== plain,
    )
    for (const other of others) {
      expect(await codeOf(dag(`/ipfs/${cid}?format=${other}`))).toBe('NOT_ACCEPTABLE')
    }
  })

  test('HEAD, ranges, a known tag and another name', async () => {
    const url = `/ipfs/${cid}?filename=a.${plain}&download=true`
    const head = await dag(url, { method: 'HEAD' })
    expect(head.headers['content-disposition']).toContain(`attachment; filename="a.${plain}"`)
    expect(head.headers['content-length']).toBe(block.length)
    expect(head.body).toBeUndefined()
    const part = await dag(url, { headers: { range: 'bytes=1-2' } })
    expect(part.status).toBe(206)
    expect(await bodyOf(part)).toEqual(block.subarray(1, 3))
    const known = await dag(url, { headers: { 'if-none-match': `"${cid}.${format}"` } })
    expect(known.status).toBe(304)
  })
})

describe('a page', () => {
  const accept = 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8'

  test('shows a document and its links, to who would rather have one', async () => {
    for (const { cid, format } of documents.slice(0, 2)) {
      const reply = await dag(`/ipfs/${cid}/`, { headers: { accept } })
      const text = (await bodyOf(reply)).toString()
      expect(reply.headers['etag']).toMatch(new RegExp(`^"DagIndex-[0-9a-f]+_CID-${cid}"$`))
      expect(reply.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(reply.headers['content-disposition']).toBeUndefined()
      expect(reply.headers['content-length']).toBe(Buffer.byteLength(text))
      expect(text).toContain('</html>')
      expect(text).toMatch(/<a class="ipfs-hash" href="\/ipfs\/ba/)
      const asked = await dag(`/ipfs/${cid}/?format=${format}`, { headers: { accept } })
      expect(asked.headers['content-type']).toBe(typeOf(format))
      const known = await dag(`/ipfs/${cid}/`, {
        headers: { accept, 'if-none-match': String(reply.headers['etag']) },
      })
      expect(known.status).toBe(304)
      const head = await dag(`/ipfs/${cid}/`, { headers: { accept }, method: 'HEAD' })
      expect(head.headers).toEqual(reply.headers)
      expect(head.body).toBeUndefined()
    }
  })

  test('is none of plain JSON, and none where JSON comes first', async () => {
    const [dagJson, , json] = documents
    const plain = await dag(`/ipfs/${json?.cid}/`, { headers: { accept } })
    expect(plain.headers['content-type']).toBe('application/json')
    const first = 'application/vnd.ipld.dag-json,text/html;q=0.5'
    const asked = await dag(`/ipfs/${dagJson?.cid}/`, { headers: { accept: first } })
    expect(asked.headers['content-type']).toBe('application/vnd.ipld.dag-json')
  })

  async function pageOf(value: unknown): Promise<string> {
    const blocks = new MemoryBlocks()
    const cid = await putCbor(blocks, value)
    return await pageFrom(blocks, cid)
  }

  async function pageFrom(blocks: MemoryBlocks, cid: CID): Promise<string> {
    const source = {
      get: blocks.get.bind(blocks),
      getPart: blocks.getPart.bind(blocks),
      size: async () => 1,
    }
    const ask = askFor(source, `/ipfs/${cid}`, { headers: { accept } })
    return (await bodyOf(await dagResponder(ask))).toString()
  }

  test('escapes what it shows', async () => {
    const text = await pageOf({ '<b>': '</pre><script>alert(1)</script>', bytes: noise(100) })
    expect(text).not.toContain('<script>')
    expect(text).not.toContain('<b>')
    expect(text).toContain('bytes(100) ')
  })

  test('is small, however large or deep the document', async () => {
    const wide = await pageOf(Array.from({ length: 100_000 }, () => 'x'.repeat(15)))
    expect(wide.length).toBeLessThan(200_000)
    expect(wide).toContain('there is more')
    expect(wide).toContain('</html>')
    let value: unknown = 1
    for (let depth = 0; depth < 300; depth++) value = [value]
    expect(await pageOf(value)).toContain('there is more')
    const text = await pageOf(['y'.repeat(100_000)])
    expect(text.length).toBeLessThan(10_000)
  })

  test.each([
    ['nested half a million deep', Buffer.concat([Buffer.alloc(500_000, 0x81), Buffer.from([1])])],
    ['of a length it does not have', Buffer.from('9b00ffffffffffff00', 'hex')],
    ['of a text longer than it', Buffer.from('7b00000000ffffffff61', 'hex')],
    ['that is empty', Buffer.alloc(0)],
  ])('of a block %s is DAG_INVALID, and the block itself is given', async (_name, bytes) => {
    const blocks = new MemoryBlocks()
    const cid = await putBlock(blocks, bytes, { codec: 0x71 })
    expect(await codeOf(pageFrom(blocks, cid))).toBe('DAG_INVALID')
    const reply = await dagResponder(
      askFor(
        { get: blocks.get.bind(blocks), getPart: blocks.getPart.bind(blocks), size: async () => 1 },
        `/ipfs/${cid}?format=dag-cbor`,
      ),
    )
    expect((await bodyOf(reply)).equals(bytes)).toBe(true)
  })
})

test.each(documents.slice(0, 2))('a path into $file', async ({ cid, format }) => {
  const linked = await dag(`/ipfs/${cid}/foo/link/bar?format=${format}`)
  expect(linked.status).toBe(200)
  expect(linked.headers['x-ipfs-roots']).toMatch(new RegExp(`^${cid},${cid},ba\\w+,ba\\w+$`))
  expect(await codeOf(dag(`/ipfs/${cid}/foo?format=${format}`))).toBe('NOT_IMPLEMENTED')
  expect(await codeOf(dag(`/ipfs/${cid}/foo`))).toBe('NOT_IMPLEMENTED')
  expect(await codeOf(dag(`/ipfs/${cid}/foo/i-do-not-exist`))).toBe('PATH_NOT_FOUND')
})

test('a file of UnixFS is not given as DAG-JSON or DAG-CBOR', async () => {
  const fixture = await openFixture('path_gateway_dag/gateway-json-cbor.car')
  for (const format of ['dag-json', 'dag-cbor']) {
    expect(await codeOf(dag(`/ipfs/${fixture.root}?format=${format}`))).toBe('NOT_ACCEPTABLE')
  }
})

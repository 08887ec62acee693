import { Readable } from 'node:stream'
import type { CID } from 'multiformats/cid'
import { extract, type Header } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tarResponder } from '../../src/gateway/tar.ts'
import { listDirectory } from '../../src/unixfs/directory.ts'
import type { OpenStore } from '../support/block-store.ts'
import { noise, sameBytes } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'
import { putFile, putFolder, putNode, putRaw, TYPE } from '../unit/unixfs/hand-made.ts'
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

const tar = (url: string, options?: AskOptions) => tarResponder(askFor(open.store, url, options))

type Entry = Pick<Header, 'name' | 'type' | 'linkname'> & { readonly content: Buffer }

/** What the library tar-stream finds in an archive. */
async function entriesOf(archive: Uint8Array): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for await (const entry of Readable.from([archive]).pipe(extract())) {
    const content = Buffer.concat(await Array.fromAsync(entry, Buffer.from))
    const { name, type, linkname } = entry.header
    entries.push({ name, type, linkname, content })
  }
  return entries
}

async function namesOf(archive: Uint8Array): Promise<readonly string[]> {
  return (await entriesOf(archive)).map(({ name }) => name)
}

/** The TAR of what was made by hand. */
async function tarOf(blocks: MemoryBlocks, cid: CID): Promise<Buffer> {
  const source = {
    get: blocks.get.bind(blocks),
    getPart: blocks.getPart.bind(blocks),
    size: async (each: CID) => (await blocks.get(each)).byteLength,
  }
  return await bodyOf(await tarResponder(askFor(source, `/ipfs/${cid}?format=tar`)))
}

describe('a TAR', () => {
  test('of a folder has all below it under its CID', async () => {
    const fixture = await openFixture('path_gateway_tar/fixtures.car')
    const reply = await tar(`/ipfs/${fixture.root}?format=tar`)
    expect(reply.headers).toEqual({
      'content-type': 'application/x-tar',
      'content-disposition': `attachment; filename="${fixture.root}.tar"; filename*=UTF-8''${fixture.root}.tar`,
      'cache-control': 'public, max-age=29030400, immutable',
      etag: `W/"${fixture.root}.x-tar"`,
      'x-ipfs-roots': `${fixture.root}`,
    })
    const entries = await entriesOf(await bodyOf(reply))
    expect(entries[0]).toMatchObject({ name: `${fixture.root}/`, type: 'directory' })
    const text = entries.find(({ name }) => name === `${fixture.root}/ą/ę/file-źł.txt`)
    expect(text?.content.toString()).toBe('I am a txt file on path with utf8\n')
  })

  test('of a file at the end of a path has it under its CID', async () => {
    const fixture = await openFixture('path_gateway_tar/fixtures.car')
    const cid = fixture.at('ą', 'ę', 'file-źł.txt')
    const path = `/ipfs/${fixture.root}/${encodeURIComponent('ą')}/${encodeURIComponent('ę')}/${encodeURIComponent('file-źł.txt')}`
    const reply = await tar(path, { headers: { accept: 'application/x-tar' } })
    expect(reply.headers['etag']).toBe(`W/"${cid}.x-tar"`)
    expect(reply.headers['content-location']).toBe(`${path}?format=tar`)
    expect(await namesOf(await bodyOf(reply))).toEqual([`${cid}`])
  })

  test('of a sharded folder has each of its files', async () => {
    const fixture = await openFixture(
      'trustless_gateway_car/single-layer-hamt-with-multi-block-files.car',
    )
    const listed = await Array.fromAsync(listDirectory(open.store, fixture.root), (one) => one.name)
    const names = await namesOf(await bodyOf(await tar(`/ipfs/${fixture.root}?format=tar`)))
    expect(names.slice(1).toSorted()).toEqual(
      listed.map((name) => `${fixture.root}/${name}`).toSorted(),
    )
    expect(listed.length).toBeGreaterThan(500)
  })

  test('of a large file among small ones has their bytes, in buffers that are used again', async () => {
    const blocks = new MemoryBlocks()
    const chunks = await Promise.all(
      [...Array(30).keys()].map(async (seed) => ({
        cid: await putRaw(blocks, noise(100_000, seed)),
        bytes: 100_000,
      })),
    )
    const large = await putFile(blocks, chunks)
    const little = await putRaw(blocks, noise(10, 99))
    const root = await putFolder(blocks, [
      { name: 'a', cid: little },
      { name: 'b', cid: large },
      { name: 'c', cid: little },
    ])
    const entries = await entriesOf(await tarOf(blocks, root))
    const whole = Buffer.concat([...Array(30).keys()].map((seed) => noise(100_000, seed)))
    expect(sameBytes(entries[2]?.content ?? whole, whole)).toBe(true)
    expect(entries.map(({ content }) => content.length)).toEqual([0, 10, 3_000_000, 10])
  })

  test('HEAD has the head of GET, and a client that has it gets nothing', async () => {
    const fixture = await openFixture('path_gateway_tar/fixtures.car')
    const url = `/ipfs/${fixture.root}?format=tar&filename=${encodeURIComponent('testтест.tar')}`
    const head = await tar(url, { method: 'HEAD' })
    expect(head.body).toBeUndefined()
    expect(head.headers['content-disposition']).toBe(
      `attachment; filename="test____.tar"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.tar`,
    )
    const known = await tar(url, { headers: { 'if-none-match': `W/"${fixture.root}.x-tar"` } })
    expect(known.status).toBe(304)
  })
})

describe('names and links that lead elsewhere', () => {
  test('the suite: inside of the root they are made plain, outside they are refused', async () => {
    const inside = (await openFixture('path_gateway_tar/inside-root.car')).root
    const outside = (await openFixture('path_gateway_tar/outside-root.car')).root
    const names = await namesOf(await bodyOf(await tar(`/ipfs/${inside}?format=tar`)))
    expect(names).toEqual([
      `${inside}/`,
      `${inside}/foobar/`,
      `${inside}/foobar/directory/`,
      `${inside}/foobar/file`,
    ])
    expect(await codeOf(tar(`/ipfs/${outside}?format=tar`))).toBe('DAG_INVALID')
  })

  const inFolder = async (name: string): Promise<readonly string[]> => {
    const blocks = new MemoryBlocks()
    const file = await putRaw(blocks, noise(3))
    const folder = await putFolder(blocks, [{ name, cid: file }])
    const root = await putFolder(blocks, [{ name: 'd', cid: folder }])
    const names = await namesOf(await tarOf(blocks, root))
    return names.slice(2).map((each) => each.slice(root.toString().length + 1))
  }

  test.each([
    ['../x', 'x'],
    ['a/b', 'd/a/b'],
    ['./a//b/../c/', 'd/a/c'],
    ['/etc/passwd', 'd/etc/passwd'],
  ])('a name %s is %s', async (name, path) => {
    expect(await inFolder(name)).toEqual([path])
  })

  test.each(['..', '../..', '../../x', 'a/../../..', '../../../etc/passwd', '', 'a\0b'])(
    'a name %j is DAG_INVALID',
    async (name) => {
      expect(await codeOf(inFolder(name))).toBe('DAG_INVALID')
    },
  )

  const linkTo = async (target: string | Uint8Array): Promise<Entry | undefined> => {
    const blocks = new MemoryBlocks()
    const data = Buffer.from(target)
    const link = await putNode(blocks, { type: TYPE.symlink, data })
    const folder = await putFolder(blocks, [{ name: 'link', cid: link }])
    const root = await putFolder(blocks, [{ name: 'd', cid: folder }])
    return (await entriesOf(await tarOf(blocks, root))).at(-1)
  }

  test.each(['file', '../other', '../d/./link', '..', 'a/b', `${'long/'.repeat(40)}ż`])(
    'a link to %s is given',
    async (target) => {
      expect(await linkTo(target)).toMatchObject({ type: 'symlink', linkname: target })
    },
  )

  test.each([
    '../..',
    '../../x',
    '/etc/passwd',
    '',
    'a/../../..',
    // `a` may be a link itself: where its `..` leads nobody knows.
    'a/..',
    'a\0b',
    Buffer.from([0xff, 0xfe]),
  ])('a link to %j is UNSUPPORTED_ENTRY', async (target) => {
    expect(await codeOf(linkTo(target))).toBe('UNSUPPORTED_ENTRY')
  })

  test('a folder with a link is given, which the API refuses', async () => {
    const fixture = await openFixture('path_gateway_unixfs/symlink.car')
    const entries = await entriesOf(await bodyOf(await tar(`/ipfs/${fixture.root}?format=tar`)))
    expect(entries.find(({ type }) => type === 'symlink')).toMatchObject({
      name: `${fixture.root}/bar`,
      linkname: 'foo',
    })
    expect(await codeOf(tar(`/ipfs/${fixture.at('bar')}?format=tar`))).toBe('UNSUPPORTED_ENTRY')
  })
})

describe('what is no file or folder, or not all there', () => {
  test('has a status', async () => {
    const document = await openFixture('path_gateway_dag/dag-cbor-traversal.car')
    expect(await codeOf(tar(`/ipfs/${document.root}?format=tar`))).toBe('NOT_ACCEPTABLE')
    const missing = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
    expect(await codeOf(tar(`/ipfs/${missing}?format=tar`))).toBe('CONTENT_NOT_FOUND')
    expect(await codeOf(tar(`/ipfs/${missing}?format=tar`, { method: 'HEAD' }))).toBe(
      'CONTENT_NOT_FOUND',
    )
  })

  test('a file that lies about its size ends in DAG_INVALID', async () => {
    const blocks = new MemoryBlocks()
    const leaf = await putRaw(blocks, noise(10))
    const lying = await putFile(blocks, [{ cid: leaf, bytes: 20 }])
    expect(await codeOf(tarOf(blocks, lying))).toBe('DAG_INVALID')
  })
})

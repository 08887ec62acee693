import fc from 'fast-check'
import { bases } from 'multiformats/basics'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAG_PB } from '../../src/core/cid.ts'
import { isPrsmError } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import { parseRequestTarget } from '../../src/gateway/request-target.ts'
import { exchange, head } from '../http/support/raw-client.ts'
import { rawCid } from '../support/block-store.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { TYPE } from '../unit/unixfs/hand-made.ts'
import {
  startTestGateway,
  storeBlock,
  storeFile,
  storeFolder,
  storeNames,
  storeNode,
  type TestGateway,
} from './support/gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

const IMMUTABLE = 'public, max-age=29030400, immutable'

describe('a file', () => {
  test('comes with its type, size, tag, path and roots', async () => {
    const root = await storeFolder(gateway, { 'a/notes.txt': 'hello' })
    const answer = await gateway.ask(`/ipfs/${root}/a/notes.txt`)
    const roots = answer.headers.get('x-ipfs-roots')?.split(',') ?? []
    expect(answer.status).toBe(200)
    expect(await answer.text()).toBe('hello')
    expect(roots).toHaveLength(3)
    expect(roots[0]).toBe(root.toString())
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'cache-control': IMMUTABLE,
      'content-length': '5',
      'content-type': 'text/plain; charset=utf-8',
      etag: `"${roots[2]}"`,
      vary: 'Accept',
      'x-content-type-options': 'nosniff',
      'x-ipfs-path': `/ipfs/${root}/a/notes.txt`,
    })
    expect(answer.headers.has('content-disposition')).toBe(false)
    expect(answer.headers.has('last-modified')).toBe(false)
  })

  test('of many blocks comes whole', async () => {
    const bytes = noise(5 * MIB + 7)
    const cid = await storeFile(gateway, bytes)
    const answer = await gateway.ask(`/ipfs/${cid}`)
    expect(answer.headers.get('content-length')).toBe(`${bytes.length}`)
    expect(sameBytes(await answer.bytes(), bytes)).toBe(true)
  })

  test('HEAD has the headers of GET and no body, and reads no content', async () => {
    const cid = await storeFolder(gateway, { 'big.bin': noise(3 * MIB) })
    const read: number[] = []
    await using counted = await startTestGateway({
      session: () => ({
        get: async (one, options) => {
          const block = await gateway.store.get(one, options)
          read.push(block.length)
          return block
        },
        getPart: () => Promise.reject(new Error('content was read')),
        size: (one) => gateway.store.size(one),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    })
    const path = `/ipfs/${cid}/big.bin`
    const answer = await counted.ask(path, { method: 'HEAD' })
    const full = await gateway.ask(path)
    await full.bytes()
    const own = ['date', 'connection', 'keep-alive']
    const plain = ({ headers }: Response) => [...headers].filter(([name]) => !own.includes(name))
    expect(plain(answer)).toEqual(plain(full))
    expect(await answer.text()).toBe('')
    expect(read.length).toBeGreaterThan(0)
    expect(read.every((bytes) => bytes < MIB)).toBe(true)
  })

  test('that is a raw block is one by its CID alone', async () => {
    const cid = await storeBlock(gateway, Buffer.from('{"a":1}'))
    const answer = await gateway.ask(`/ipfs/${cid}`)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(await answer.text()).toBe('{"a":1}')
  })

  test('that is empty comes empty', async () => {
    const cid = await storeFile(gateway, '')
    const answer = await gateway.ask(`/ipfs/${cid}`)
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([
      200,
      '0',
      '',
    ])
    expect((await gateway.ask('/ipfs/bafkqaaa')).status).toBe(200)
  })

  test.each([
    ['<!doctype html><p>x', 'text/html'],
    ['  <html><body>', 'text/html'],
    ['<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
    ['<?xml version="1.0"?><a/>', 'text/xml; charset=utf-8'],
    ['[1, 2]', 'application/json'],
    ['[1, 2', 'text/plain; charset=utf-8'],
    ['ein schöner Text', 'text/plain; charset=utf-8'],
    [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1'), 'application/pdf'],
    [
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]),
      'application/octet-stream',
    ],
    [Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), 'image/jpeg'],
    [Buffer.from([1, 2, 3, 0]), 'application/octet-stream'],
    [`{"key": "${'x'.repeat(9000)}"}`, 'application/json'],
    [`ü${'ä'.repeat(5000)}`, 'text/plain; charset=utf-8'],
  ])('without a name has the type its bytes tell: %#', async (content, type) => {
    const cid = await storeFile(gateway, content)
    for (let time = 0; time < 2; time++) {
      const answer = await gateway.ask(`/ipfs/${cid}`)
      await answer.bytes()
      expect(answer.headers.get('content-type')).toBe(type)
    }
  })

  test('with a name has the type of its ending, whatever it holds', async () => {
    const root = await storeFolder(gateway, {
      'a.css': 'p{}',
      'b.HTML': 'x',
      'c.json': '[',
      d: '1',
    })
    const typeOf = async (path: string) =>
      (await gateway.ask(`/ipfs/${root}/${path}`, { method: 'HEAD' })).headers.get('content-type')
    expect(await typeOf('a.css')).toBe('text/css; charset=utf-8')
    expect(await typeOf('b.HTML')).toBe('text/html')
    expect(await typeOf('c.json')).toBe('application/json')
    expect(await typeOf('d?filename=x.wasm')).toBe('application/wasm')
  })

  test('is saved under the name the URL gives it', async () => {
    const root = await storeFolder(gateway, { 'a.txt': 'x' })
    const named = async (query: string) =>
      (await gateway.ask(`/ipfs/${root}/a.txt${query}`)).headers.get('content-disposition')
    expect(await named('?filename=b%22%0A%D1%82.txt')).toBe(
      `inline; filename="b___.txt"; filename*=UTF-8''b%22%0A%D1%82.txt`,
    )
    expect(await named('?download=true')).toBe(
      `attachment; filename="a.txt"; filename*=UTF-8''a.txt`,
    )
    expect(await named('?download=true&filename=c')).toMatch(/^attachment; filename="c";/)
    expect(await named('?download=1')).toBeNull()
  })

  test('is not sent again to who has it', async () => {
    const cid = await storeFile(gateway, 'hello')
    for (const tag of [`"${cid}"`, `W/"${cid}"`, `"x", "y" , "${cid}"`, '*']) {
      const answer = await gateway.ask(`/ipfs/${cid}`, { headers: { 'if-none-match': tag } })
      expect(answer.status).toBe(304)
      expect(answer.headers.get('etag')).toBe(`"${cid}"`)
      expect(answer.headers.get('cache-control')).toBe(IMMUTABLE)
      expect(await answer.text()).toBe('')
    }
    const other = await gateway.ask(`/ipfs/${cid}`, {
      headers: { 'if-none-match': `"${cid}.raw"` },
    })
    expect(other.status).toBe(200)
    await other.text()
  })

  test('is not told to be known to who says *, when it is not here', async () => {
    const headers = { 'if-none-match': '*' }
    for (const query of ['', '?format=raw', '?format=car', '?format=tar']) {
      const answer = await gateway.ask(`/ipfs/${rawCid(noise(9, 5))}${query}`, { headers })
      expect(answer.status).toBe(404)
      await answer.text()
    }
  })

  test('is not sent to who wants another one', async () => {
    const cid = await storeFile(gateway, 'hello')
    const status = async (tag: string, query = '') => {
      const answer = await gateway.ask(`/ipfs/${cid}${query}`, { headers: { 'if-match': tag } })
      const body = await answer.text()
      expect(body).toBe(answer.status === 200 ? 'hello' : '')
      return answer.status
    }
    for (const tag of [`"${cid}"`, `"x", "${cid}"`, '*']) expect(await status(tag)).toBe(200)
    for (const tag of ['"x"', `W/"${cid}"`, `${cid}`, '']) expect(await status(tag)).toBe(412)
    expect(await status(`"${cid}.raw"`, '?format=raw')).toBe(200)
    expect(await status(`"${cid}"`, '?format=raw')).toBe(412)
  })

  test('of a symbolic link is its target', async () => {
    const cid = await storeNode(gateway, { type: TYPE.symlink, data: Buffer.from('../x') })
    const answer = await gateway.ask(`/ipfs/${cid}`)
    expect(answer.headers.get('content-type')).toBe('inode/symlink')
    expect(await answer.text()).toBe('../x')
  })
})

describe('a root', () => {
  test('may stand in any version and base', async () => {
    const cid = await storeBlock(gateway, Buffer.from('based'))
    const writings = [bases.base16, bases.base16upper, bases.base32upper, bases.base36]
    const more = [bases.base36upper, bases.base58btc, bases.base64url, bases.base32hex, bases.base2]
    for (const base of [...writings, ...more]) {
      const answer = await gateway.ask(`/ipfs/${cid.toString(base)}`)
      expect(await answer.text()).toBe('based')
      expect(answer.headers.get('etag')).toBe(`"${cid}"`)
    }
    const folder = await storeFolder(gateway, { x: 'x' })
    const sign = encodeURIComponent(folder.toString(bases.base256emoji))
    const moved = await gateway.ask(`/ipfs/${sign}`)
    expect([moved.status, moved.headers.get('location')]).toEqual([301, `/ipfs/${sign}/`])
    expect(await (await gateway.ask(`/ipfs/${sign}/x`)).text()).toBe('x')
    const node = await storeNode(gateway, { type: TYPE.file, data: Buffer.from('old') })
    expect(await (await gateway.ask(`/ipfs/${CID.create(0, DAG_PB, node.multihash)}`)).text()).toBe(
      'old',
    )
  })

  test.each(['x', 'bafybei', 'Qm', 'ipfs', '%00', `z${'1'.repeat(8000)}`, `b${'a'.repeat(2000)}`])(
    'that is no CID is a fault of the caller: %.20s',
    async (text) => {
      const answer = await gateway.ask(`/ipfs/${text}`)
      expect(answer.status).toBe(400)
      await answer.text()
    },
  )

  test('of a codec that is no content is not acceptable, and there as a block', async () => {
    const cid = await storeBlock(gateway, Buffer.from('x'), 0x72)
    expect((await gateway.ask(`/ipfs/${cid}`)).status).toBe(406)
    expect(await (await gateway.ask(`/ipfs/${cid}?format=raw`)).text()).toBe('x')
  })
})

describe('the names of a path', () => {
  const names = ['a b', '100%', 'ü', '+&=?#', "it's", 'a\\b', '%2F', '日本', '🙂', '~.-_']

  test('are percent-decoded once', async () => {
    const files = Object.fromEntries(names.map((name) => [name, name]))
    const root = await storeFolder(gateway, files)
    for (const name of names) {
      const answer = await gateway.ask(`/ipfs/${root}/${encodeURIComponent(name)}`)
      expect(await answer.text()).toBe(name)
    }
  })

  test('that are not encoded are told to be', async () => {
    const raw = Buffer.from('/ipfs/bafkqaaa/ü.txt').toString('latin1')
    const text = await exchange(gateway.port, head(`GET ${raw}`))
    expect(text).toMatch(/^HTTP\/1.1 400 .*percent-encoded\n$/s)
  })

  test('are exact, and empty ones count for nothing', async () => {
    const root = await storeFolder(gateway, { 'a/b': 'x' })
    expect(await (await gateway.ask(`/ipfs/${root}//a///b`)).text()).toBe('x')
    for (const path of ['A/b', 'a/b%20', 'a/b/c', 'a/B']) {
      expect((await gateway.ask(`/ipfs/${root}/${path}`)).status).toBe(404)
    }
  })

  test('. and .. lead where a browser goes, but not out of the root', async () => {
    const root = await storeFolder(gateway, { 'a/b/c': 'x', 'a/d': 'y' })
    const ask = async (path: string) => {
      const text = await exchange(gateway.port, head(`GET ${path}`, { Connection: 'close' }))
      return [text.slice(9, 12), text.split('\r\n\r\n')[1]]
    }
    expect(await ask(`/ipfs/${root}/a/b/../d`)).toEqual(['200', 'y'])
    expect(await ask(`/ipfs/${root}/a/./b/%2e%2E/d`)).toEqual(['200', 'y'])
    expect((await ask(`/ipfs/${root}/a/b/..`))[1]).toContain('Index of')
    expect((await ask(`/ipfs/${root}/a/../../x`))[0]).toBe('400')
    expect((await ask(`/ipfs/${root}/..`))[0]).toBe('400')
  })

  test.each(['%', '%zz', '%ff', '%C3%28', 'a%2Fb', '%00', 'a%00b', '%ED%A0%80'])(
    'that are malformed are a fault of the caller: %s',
    async (name) => {
      const root = await storeFolder(gateway, { x: 'x' })
      expect((await gateway.ask(`/ipfs/${root}/${name}`)).status).toBe(400)
    },
  )

  test('are bounded in number and length', async () => {
    const root = await storeFolder(gateway, { x: 'x' })
    const deep = '/a'.repeat(limits.maxPathDepth + 1)
    expect((await gateway.ask(`/ipfs/${root}${deep}`)).status).toBe(400)
    const long = await gateway.ask(`/ipfs/${root}/${'a'.repeat(limits.maxUrlBytes)}`)
    expect(long.status).toBe(414)
  })

  test('lead through a sharded folder', async () => {
    const many = Array.from({ length: 3000 }, (_, at) => [`file ${at} ${'x'.repeat(100)}`, `${at}`])
    const root = await storeFolder(gateway, Object.fromEntries(many))
    const stat = await gateway.store.get(root)
    expect(stat.length).toBeLessThan(100_000)
    const name = encodeURIComponent(`file 2789 ${'x'.repeat(100)}`)
    expect(await (await gateway.ask(`/ipfs/${root}/${name}`)).text()).toBe('2789')
    expect((await gateway.ask(`/ipfs/${root}/${name}x`)).status).toBe(404)
  })
})

describe('a folder', () => {
  test('without a slash redirects to the one with it, with the query', async () => {
    const root = await storeFolder(gateway, { 'ä b/x': 'x' })
    const answer = await gateway.ask(`/ipfs/${root}/%c3%a4%20b?a=1&b=%20`)
    expect(answer.status).toBe(301)
    expect(answer.headers.get('location')).toBe(`/ipfs/${root}/%C3%A4%20b/?a=1&b=+`)
    expect((await gateway.ask(`/ipfs/${root}`)).headers.get('location')).toBe(`/ipfs/${root}/`)
  })

  test('shows its index.html under its own tag', async () => {
    const root = await storeFolder(gateway, { 'index.html': '<p>hi</p>' })
    const answer = await gateway.ask(`/ipfs/${root}/`)
    expect(await answer.text()).toBe('<p>hi</p>')
    expect(answer.headers.get('etag')).toBe(`"${root}"`)
    expect(answer.headers.get('content-type')).toBe('text/html')
    expect(answer.headers.get('x-ipfs-roots')).toBe(`${root}`)
    const headers = { 'if-none-match': `"${root}"` }
    expect((await gateway.ask(`/ipfs/${root}/`, { headers })).status).toBe(304)
    const part = await gateway.ask(`/ipfs/${root}/`, { headers: { range: 'bytes=3-4' } })
    expect([part.status, await part.text()]).toEqual([206, 'hi'])
  })

  test('with an index.html that is a folder, or of no content, is listed', async () => {
    const inner = await storeFolder(gateway, { 'index.html/x': 'x' })
    expect(await (await gateway.ask(`/ipfs/${inner}/`)).text()).toContain('Index of')
    const foreign = await storeBlock(gateway, Buffer.from('x'), 0x72)
    const root = await storeNames(gateway, [{ name: 'index.html', cid: foreign }])
    expect(await (await gateway.ask(`/ipfs/${root}/`)).text()).toContain('Index of')
  })
})

describe('other paths', () => {
  test('the root says where content is', async () => {
    const answer = await gateway.ask('/')
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain('/ipfs/CID')
  })

  test.each(['/x', '/favicon.ico', '/ipfsx/bafkqaaa', '/api/v0/id'])(
    '%s is not there',
    async (path) => {
      expect((await gateway.ask(path)).status).toBe(404)
    },
  )

  test('IPNS is told not to be here', async () => {
    const answer = await gateway.ask('/ipns/docs.ipfs.tech/')
    expect(answer.status).toBe(501)
    expect(await answer.text()).toContain('IPNS')
  })

  test('?uri= of a link handler redirects to the content', async () => {
    const leads = async (uri: string) => {
      const answer = await gateway.ask(`/ipfs/?uri=${encodeURIComponent(uri)}`)
      return [answer.status, answer.headers.get('location')]
    }
    expect(await leads('ipfs://bafkqaaa/a b?x=1#y')).toEqual([301, '/ipfs/bafkqaaa/a%20b?x=1'])
    expect(await leads('ipns://example.org')).toEqual([301, '/ipns/example.org'])
    expect(await leads('ipfs://bafkqaaa/%0d%0aset-cookie:x')).toEqual([
      301,
      '/ipfs/bafkqaaa/%0D%0Aset-cookie%3Ax',
    ])
    for (const bad of ['https://example.org', 'ipfs:', 'ipfs://', '']) {
      expect((await leads(bad))[0]).toBe(400)
    }
  })

  test('a service worker for all contents is refused', async () => {
    const headers = { 'service-worker': 'script' }
    const root = await storeFolder(gateway, { 'sw.js': '1' })
    expect((await gateway.ask(`/ipfs/${root}`, { headers })).status).toBe(400)
    expect((await gateway.ask(`/ipfs/${root}/sw.js`, { headers })).status).toBe(200)
  })
})

test('any target is content, an answer, or a fault of the caller', () => {
  const targets = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom('/', '.', '%', '2', 'f', 'e', '?', '#', 'a', 'ipfs', '\xff'),
    }),
    fc.string({ unit: 'binary' }).map((text) => `/${text}`),
    fc.string({ unit: 'binary' }).map((text) => `/ipfs/bafkqaaa/${text}`),
    fc.string({ unit: 'binary' }).map((text) => `/ipfs/?uri=${text}`),
  )
  fc.assert(
    fc.property(targets, (url) => {
      try {
        const target = parseRequestTarget(url)
        if (target.kind === 'redirect') expect(target.location).toMatch(/^\/ip[fn]s\/[!-~]*$/)
        if (target.kind !== 'content') return
        expect(target.urlPath).toMatch(/^[!-~]*$/)
        for (const name of target.path) expect(name).not.toMatch(/^(\.|\.\.|)$|[/\0]/)
      } catch (error) {
        const codes = ['INVALID_INPUT', 'INVALID_CID', 'ROUTE_NOT_FOUND', 'NOT_IMPLEMENTED']
        expect(isPrsmError(error) && codes.includes(error.code), String(error)).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})

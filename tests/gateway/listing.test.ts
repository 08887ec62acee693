import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import {
  startTestGateway,
  storeFile,
  storeFolder,
  storeNames,
  type TestGateway,
} from './support/gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

/** Names, links and sizes as a browser would see them. */
function rowsOf(page: string) {
  const row =
    /<tr><td>(?:<a href="([^"]*)">)?([^<]*)(?:<\/a>)?<\/td><td>(?:<a [^>]*href="([^"]*)">[^<]*<\/a>)?<\/td><td[^>]*>([^<]*)<\/td><\/tr>/g
  return [...page.matchAll(row)].map(([, href, name, byCid, size]) => ({ href, name, byCid, size }))
}

describe('a listing', () => {
  test('names its entries with their sizes and CIDs, the way up and the path', async () => {
    const root = await storeFolder(gateway, { 'ä/b c': 'hello', 'ä/d/e': 'x', f: 'y' })
    const answer = await gateway.ask(`/ipfs/${root}/%C3%A4/`)
    const page = await answer.text()
    const file = await storeFile(gateway, 'hello')
    expect(page).toContain(
      `Index of /ipfs/<a href="/ipfs/${root}">${root}</a>/<a href="/ipfs/${root}/%C3%A4">ä</a></h1>`,
    )
    expect(rowsOf(page)).toMatchObject([
      { href: `/ipfs/${root}/%C3%A4/..`, name: '..' },
      {
        href: `/ipfs/${root}/%C3%A4/b%20c`,
        name: 'b c',
        byCid: `/ipfs/${file}?filename=b%2520c`,
        size: '5&nbsp;B',
      },
      { href: `/ipfs/${root}/%C3%A4/d`, name: 'd' },
    ])
  })

  test('is a page of ours: it may change, runs nothing and loads nothing', async () => {
    const root = await storeFolder(gateway, { a: 'x' })
    const answer = await gateway.ask(`/ipfs/${root}/`)
    const page = await answer.text()
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'public, max-age=604800, stale-while-revalidate=2678400',
      etag: expect.stringMatching(new RegExp(`^"DirIndex-[0-9a-f]+_CID-${root}"$`)),
      'content-security-policy': expect.stringMatching(/^default-src 'none'; style-src 'sha256-/),
    })
    expect(page).not.toMatch(/<script|\son\w+=|src=/i)
    expect(page).not.toContain('>..<')
    const tag = answer.headers.get('etag') ?? ''
    for (const known of [tag, `W/${tag}`]) {
      const again = await gateway.ask(`/ipfs/${root}/`, { headers: { 'if-none-match': known } })
      expect([again.status, again.headers.get('etag')]).toEqual([304, tag])
    }
    const head = await gateway.ask(`/ipfs/${root}/`, { method: 'HEAD' })
    expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, tag, ''])
  })

  test('escapes hostile names, and links none that no URL leads to', async () => {
    const cid = await storeFile(gateway, 'x')
    const names = [
      '<script>alert(1)</script>',
      '"onmouseover="x',
      "'&amp;",
      'a\nb',
      '\u202egnp.exe',
      'x'.repeat(255),
      '../up',
      '..',
      '',
      'a/b',
      'nul\0',
      'javascript:x',
    ]
    const root = await storeNames(
      gateway,
      names.map((name) => ({ name, cid, size: 1 })),
    )
    const page = await (await gateway.ask(`/ipfs/${root}/`)).text()
    expect(page).not.toMatch(/<script>alert|"on|\u202e|a\nb/)
    const rows = rowsOf(page)
    expect(rows).toHaveLength(names.length)
    const linked = rows.filter(({ href }) => href !== undefined)
    expect(linked).toHaveLength(6)
    for (const { href } of linked) {
      const plain = (href ?? '').replace(/&#(\d+);/g, (_, code) =>
        String.fromCharCode(Number(code)),
      )
      const answer = await gateway.ask(plain)
      expect([href, answer.status, await answer.text()]).toEqual([href, 200, 'x'])
    }
  })

  test('of an empty folder', async () => {
    const root = await storeNames(gateway, [])
    const page = await (await gateway.ask(`/ipfs/${root}/`)).text()
    expect(page).toContain('Index of')
    expect(rowsOf(page)).toEqual([])
  })

  test('of entries that are not here needs none of them', async () => {
    await using empty = await startTestGateway()
    const cid = await storeFile(gateway, 'not in the other store')
    const root = await storeNames(empty, [{ name: 'gone', cid, size: 3_000_000 }])
    const rows = rowsOf(await (await empty.ask(`/ipfs/${root}/`)).text())
    expect(rows).toMatchObject([{ name: 'gone', size: '2.9&nbsp;MiB' }])
    expect((await empty.ask(`/ipfs/${root}/gone`)).status).toBe(404)
  })

  test('ends at its bound and says so', async () => {
    const cid = await storeFile(gateway, 'x')
    const names = (count: number) =>
      storeNames(
        gateway,
        Array.from({ length: count }, (_, at) => ({ name: `${at}`.padStart(6, '0'), cid })),
      )
    const full = await gateway.ask(`/ipfs/${await names(limits.gatewayListedEntries)}/`)
    const page = await full.text()
    expect(page).not.toContain('there are more')
    const more = await gateway.ask(`/ipfs/${await names(limits.gatewayListedEntries + 1)}/`)
    const cut = await more.text()
    expect(rowsOf(cut)).toHaveLength(limits.gatewayListedEntries)
    expect(cut).toContain(`The first ${limits.gatewayListedEntries} entries; there are more.`)
  })

  test('of a sharded folder has all its names', async () => {
    const files = Array.from({ length: 3000 }, (_, at) => [`${at} ${'y'.repeat(100)}`, 'x'])
    const root = await storeFolder(gateway, Object.fromEntries(files))
    const rows = rowsOf(await (await gateway.ask(`/ipfs/${root}/`)).text())
    expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(files.map(([name]) => name)))
  })
})

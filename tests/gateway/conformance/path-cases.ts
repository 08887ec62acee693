import { both, type Case, contains, isImmutable, lists, without } from './case.ts'
import { type Fixture, openFixture } from './fixture.ts'
import { onlyRanges } from './range-cases.ts'

const IMMUTABLE = 'public, max-age=29030400, immutable'
const GENERATED = 'public, max-age=604800, stale-while-revalidate=2678400'
const RAW = 'application/vnd.ipld.raw'
/** A block that is nowhere. */
const MISSING = '/ipfs/QmYzfKSE55XCjD1MW128RfciAf2DViABhEiXfgVFMabSjN'

/** TestCors: any origin may read, with GET, HEAD and OPTIONS. */
export function corsCases(): readonly Case[] {
  const expect = {
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': lists('GET', 'HEAD', 'OPTIONS'),
      'access-control-allow-headers': lists(
        'Content-Type',
        'Range',
        'User-Agent',
        'X-Requested-With',
      ),
      'access-control-expose-headers': lists(
        'Content-Range',
        'Content-Length',
        'X-Ipfs-Path',
        'X-Ipfs-Roots',
        'X-Chunked-Output',
        'X-Stream-Output',
      ),
    },
  }
  const path = '/ipfs/bafkqabtimvwgy3yk/'
  return [
    { name: 'CORS of a GET', path, expect },
    { name: 'CORS of an OPTIONS', path, method: 'OPTIONS', expect },
  ]
}

/** TestUnixFSDirectoryListing. */
export async function listingCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('dir_listing/fixtures.car')
  const base = `/ipfs/${fixture.root}`
  const inner = `${base}/%C4%85/%C4%99`
  const file = fixture.at('ą', 'ę', 'file-źł.txt')
  return [
    {
      name: 'no way up from the root of a listing',
      path: `${base}/`,
      expect: { body: both(contains('Index of'), without(`<a href="${base}/">..</a>`)) },
    },
    {
      name: 'a folder without a slash redirects to the one with it',
      path: inner,
      expect: { status: 301, headers: { location: `${inner}/` } },
    },
    {
      name: 'a listing with breadcrumbs, a way up, names and CIDs',
      path: `${inner}/`,
      expect: {
        headers: { etag: /"DirIndex-/ },
        body: contains(
          'Index of',
          `/ipfs/<a href="${base}">${fixture.root}</a>/<a href="${base}/%C4%85">ą</a>/<a href="${inner}">ę</a>`,
          `<a href="${inner}/..">..</a>`,
          `<a href="${inner}/file-%C5%BA%C5%82.txt">file-źł.txt</a>`,
          `<a class="ipfs-hash" translate="no" href="/ipfs/${file}?filename=file-%25C5%25BA%25C5%2582.txt">`,
        ),
      },
    },
    { name: 'no such file', path: `${base}/i-do-not-exist`, expect: { status: 404 } },
  ]
}

/** TestGatewayCache, without the listing's own tag, which `listingTagCases` takes. */
export async function cacheCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('gateway-cache/fixtures.car')
  const base = `/ipfs/${fixture.root}`
  const names = ['root2', 'root3', 'root4', 'index.html']
  const roots = (depth: number) =>
    [fixture.root, ...names.slice(0, depth).map((_, at) => fixture.at(...names.slice(0, at + 1)))]
      .map(String)
      .join(',')
  const dir = `${base}/root2/root3/root4/`
  const file = `${dir}index.html`
  const fileTag = `"${fixture.at(...names)}"`
  const dirTag = `"${fixture.at('root2', 'root3', 'root4')}"`
  const known = (name: string, path: string, tag: string): Case => ({
    name,
    path,
    headers: { 'If-None-Match': tag },
    expect: { status: 304 },
  })
  const cached = { 'Cache-Control': 'only-if-cached' }
  const raw = `${dir}?format=raw`
  return [
    {
      name: 'headers of a listing',
      path: `${base}/root2/root3/`,
      expect: {
        status: 200,
        headers: {
          'x-ipfs-path': `${base}/root2/root3/`,
          'x-ipfs-roots': roots(2),
          etag: new RegExp(`DirIndex-.*_CID-${fixture.at('root2', 'root3')}`),
        },
      },
      or: [{ headers: { 'cache-control': null } }, { headers: { 'cache-control': GENERATED } }],
    },
    {
      name: 'headers of a folder with an index.html',
      path: dir,
      expect: {
        status: 200,
        headers: {
          'cache-control': IMMUTABLE,
          'x-ipfs-path': dir,
          'x-ipfs-roots': roots(3),
          etag: dirTag,
        },
      },
    },
    {
      name: 'headers of a file',
      path: file,
      expect: {
        status: 200,
        headers: {
          'cache-control': IMMUTABLE,
          'x-ipfs-path': file,
          'x-ipfs-roots': roots(4),
          etag: fileTag,
        },
      },
    },
    {
      name: 'a folder as a raw block',
      path: raw,
      expect: {
        status: 200,
        headers: { 'cache-control': IMMUTABLE },
        body: fixture.block('root2', 'root3', 'root4'),
      },
    },
    ...(['HEAD', 'GET'] as const).flatMap((method): Case[] => [
      {
        name: `${method} only-if-cached of what is here`,
        path: raw,
        method,
        headers: cached,
        expect: { status: 200 },
      },
      {
        name: `${method} only-if-cached of what is not`,
        path: MISSING,
        method,
        headers: cached,
        expect: { status: 412 },
      },
    ]),
    known('304 for a file', file, fileTag),
    known('304 for a folder with an index.html', dir, dirTag),
    known('304 for the third of several tags', file, `"fakeEtag1", "fakeEtag2", ${fileTag}`),
    known('304 for a weak tag', file, `W/${fileTag}`),
    known('304 for any tag', file, '*'),
  ]
}

/** The tag of a listing, as the server gave it, is known again: strong and weak. */
export async function listingTagCases(tagOf: (path: string) => Promise<string>): Promise<Case[]> {
  const fixture = await openFixture('gateway-cache/fixtures.car')
  const path = `/ipfs/${fixture.root}/root2/root3/`
  const tag = await tagOf(path)
  return [tag, `W/${tag}`].map((each) => ({
    name: `304 for the listing's tag ${each.startsWith('W') ? 'weak' : 'strong'}`,
    path,
    headers: { 'If-None-Match': each },
    expect: { status: 304 },
  }))
}

/** TestGatewaySymlink and TestPathGatewayMiscellaneous. */
export async function unixfsCases(): Promise<readonly Case[]> {
  const links = await openFixture('path_gateway_unixfs/symlink.car')
  const encoded = await openFixture('path_gateway_unixfs/dir-with-percent-encoded-filename.car')
  const base = `/ipfs/${links.root}`
  return [
    {
      name: 'a folder with a symlink',
      path: `${base}/`,
      expect: { body: contains('>foo<', '>bar<') },
    },
    {
      name: 'it as a raw block',
      path: `${base}?format=raw`,
      expect: { status: 200, body: links.block() },
    },
    { name: 'a symlink', path: `${base}/bar`, expect: { status: 200, body: 'foo' } },
    {
      name: 'a name with percent signs',
      path: `/ipfs/${encoded.root}/Portugal%252C+Espa%C3%B1a=Peninsula%20Ib%C3%A9rica.txt`,
      expect: { body: encoded.block('Portugal%2C+España=Peninsula Ibérica.txt') },
    },
  ]
}

/** TestGatewayUnixFSFileRanges. */
export async function rangeCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('path_gateway_unixfs/dir-with-files.car')
  const holey = await openFixture('trustless_gateway_car/file-3k-and-3-blocks-missing-block.car')
  const path = `/ipfs/${fixture.root}/ascii.txt`
  const content = fixture.block('ascii.txt')
  const part = (start: number, end: number) => Buffer.from(content.subarray(start, end)).toString()
  const range = (name: string, asked: string, told: string): Case => {
    const [, start, end] = /bytes (\d+)-(\d+)/.exec(told) ?? []
    const body = content.subarray(Number(start), Number(end) + 1)
    return {
      name,
      path,
      headers: { Range: asked },
      expect: { status: 206, headers: { 'content-range': told }, body },
    }
  }
  const inHoley = (name: string, asked: string, told: string): Case => ({
    name,
    path: `/ipfs/${holey.root}`,
    headers: { Range: asked },
    expect: { status: 206, headers: { 'content-range': told } },
  })
  return [
    {
      name: 'a file says that it has ranges',
      path,
      expect: { status: 200, headers: { 'accept-ranges': 'bytes' }, body: content },
    },
    range('one range', 'bytes=6-16', 'bytes 6-16/31'),
    range('the last bytes', 'bytes=-3', 'bytes 28-30/31'),
    {
      name: 'several ranges',
      path,
      headers: { Range: 'bytes=6-16,0-4' },
      expect: { status: 206 },
      or: [
        { headers: { 'content-range': 'bytes 6-16/31' }, body: content.subarray(6, 17) },
        {
          headers: { 'content-type': /multipart\/byteranges/ },
          body: contains(
            'Content-Range: bytes 6-16/31',
            part(6, 17),
            'Content-Range: bytes 0-4/31',
            part(0, 5),
          ),
        },
      ],
    },
    inHoley('a range before a missing block', 'bytes=997-1000', 'bytes 997-1000/3072'),
    inHoley('a range behind a missing block', 'bytes=2200-2201', 'bytes 2200-2201/3072'),
  ]
}

/** TestGatewayBlock: blocks at the end of a path. */
export async function rawCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('gateway-raw-block.car')
  return blockCases(fixture, {
    of: 'with a path',
    dir: `/ipfs/${fixture.root}/dir`,
    file: `/ipfs/${fixture.root}/dir/ascii.txt`,
    roots: new RegExp(`^${fixture.root},`),
  })
}

/** TestTrustlessRaw and TestTrustlessRawRanges: blocks without a path. */
export async function blockByCidCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('gateway-raw-block.car')
  const file = fixture.at('dir', 'ascii.txt')
  const place = {
    of: 'by its CID',
    dir: `/ipfs/${fixture.at('dir')}`,
    file: `/ipfs/${file}`,
    roots: new RegExp(`^${file}$`),
  }
  return [
    ...blockCases(fixture, place),
    ...onlyRanges(
      { name: 'a raw block', path: place.file, headers: { Accept: RAW }, expect: {} },
      { content: fixture.block('dir', 'ascii.txt'), contentType: RAW },
    ),
  ]
}

/** Where a folder and a file in it stand, and what `x-ipfs-roots` of the file is. */
type Place = {
  readonly of: string
  readonly dir: string
  readonly file: string
  readonly roots: RegExp
}

function blockCases(fixture: Fixture, place: Place): readonly Case[] {
  const headers = { Accept: RAW }
  const dir = fixture.block('dir')
  const content = fixture.block('dir', 'ascii.txt')
  return [
    {
      name: `a raw block by format= ${place.of}`,
      path: `${place.dir}?format=raw`,
      expect: { status: 200, body: dir },
    },
    {
      name: `a raw block by Accept ${place.of}`,
      path: place.dir,
      headers,
      expect: { status: 200, body: dir },
    },
    {
      name: `a range of a raw block ${place.of}`,
      path: place.dir,
      headers: { ...headers, Range: 'bytes=6-16' },
      expect: {
        status: 206,
        headers: { 'content-type': RAW, 'content-range': `bytes 6-16/${dir.length}` },
        body: dir.subarray(6, 17),
      },
    },
    {
      name: `headers of a raw block ${place.of}`,
      path: place.file,
      headers,
      expect: {
        status: 200,
        headers: {
          'content-type': RAW,
          'content-length': String(content.length),
          'content-disposition': /attachment;/,
          'x-content-type-options': 'nosniff',
          etag: /./,
          'x-ipfs-path': place.file,
          'x-ipfs-roots': place.roots,
          'cache-control': isImmutable,
        },
        body: content,
      },
    },
    {
      name: `a raw block under another name ${place.of}`,
      path: `${place.file}?filename=foobar.bin`,
      headers,
      expect: {
        status: 200,
        headers: { 'content-disposition': /attachment;.*filename="foobar\.bin/ },
      },
    },
  ]
}

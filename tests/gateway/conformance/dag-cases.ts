import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { type Case, contains, type Expected } from './case.ts'
import { openFixture } from './fixture.ts'
import { onlyRanges, withRanges } from './range-cases.ts'

/** Formats whose blocks the suite has, and how a browser is to take them. */
const FORMATS = [
  { format: 'json', disposition: 'inline' },
  { format: 'cbor', disposition: 'attachment' },
] as const

/** TestGatewayJsonCbor and TestCodecMismatchReturns406. */
export async function codecCases(): Promise<readonly Case[]> {
  const unixfs = await openFixture('path_gateway_dag/gateway-json-cbor.car')
  const dagJson = (await openFixture('path_gateway_dag/dag-json-traversal.car')).root
  const dagCbor = (await openFixture('path_gateway_dag/dag-cbor-traversal.car')).root
  const json = unixfs.at('ą', 'ę', 't.json')
  const content = unixfs.block('ą', 'ę', 't.json')
  const isJson: Expected = {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: content,
  }
  const file = unixfs.at('ą', 'ę', 'file-źł.txt')
  const other = (cid: unknown, format: string): Case => ({
    name: `406 for ${format} of ${cid} by format=`,
    path: `/ipfs/${cid}?format=${format}`,
    expect: { status: 406 },
  })
  const accepted = (cid: unknown): Case => ({
    name: `406 for dag-json of ${cid} by Accept`,
    path: `/ipfs/${cid}`,
    headers: { Accept: 'application/vnd.ipld.dag-json' },
    expect: { status: 406 },
  })
  return [
    { name: 'a file of JSON', path: `/ipfs/${json}`, expect: isJson },
    {
      name: 'it by Accept',
      path: `/ipfs/${json}`,
      headers: { Accept: 'application/json' },
      expect: isJson,
    },
    {
      name: 'format=json before Accept: raw',
      path: `/ipfs/${json}?format=json`,
      headers: { Accept: 'application/vnd.ipld.raw' },
      expect: isJson,
    },
    other(file, 'dag-json'),
    other(file, 'dag-cbor'),
    accepted(file),
    other(dagJson, 'dag-cbor'),
    other(dagCbor, 'dag-json'),
    accepted(dagCbor),
  ]
}

/** TestPlainCodec. */
export async function plainCases(): Promise<readonly Case[]> {
  const tables = await Promise.all(
    FORMATS.map(async ({ format, disposition }) => {
      const { root, block } = await openBound(`path_gateway_dag/plain-${format}.car`)
      const contentType = `application/${format}`
      const expect = {
        headers: {
          'content-type': contentType,
          'content-disposition': startsWith(`${disposition}; filename="${root}.${format}"`),
        },
      }
      const asked = (name: string, more: Partial<Case>): readonly Case[] =>
        withRanges(
          {
            name: `plain ${format} ${name}`,
            path: `/ipfs/${root}`,
            expect: { headers: dispositionOf(expect) },
            ...more,
          },
          { content: block, contentType },
        )
      return [
        ...asked('by its codec', {}),
        ...asked('by format=', { path: `/ipfs/${root}?format=${format}` }),
        ...asked('by Accept', { headers: { Accept: contentType } }),
        { name: `plain ${format} has its type`, path: `/ipfs/${root}`, expect },
      ]
    }),
  )
  return tables.flat()
}

/** TestPathing. */
export async function pathingCases(): Promise<readonly Case[]> {
  const dagJson = (await openFixture('path_gateway_dag/dag-json-traversal.car')).root
  const dagCbor = (await openFixture('path_gateway_dag/dag-cbor-traversal.car')).root
  const end = { hello: 'this is not a link' }
  const cbor = Buffer.from(`a165${hex('hello')}72${hex(end.hello)}`, 'hex')
  return [
    {
      name: 'DAG-JSON: 501 for what is no link',
      path: `/ipfs/${dagJson}/foo?format=dag-json`,
      expect: { status: 501 },
    },
    {
      name: 'DAG-JSON: several links',
      path: `/ipfs/${dagJson}/foo/link/bar?format=dag-json`,
      expect: { status: 200, body: jsonOf(end) },
    },
    {
      name: 'DAG-JSON: no such link',
      path: `/ipfs/${dagJson}/foo/i-do-not-exist`,
      expect: { status: 404 },
    },
    {
      name: 'DAG-CBOR: 501 for what is no link',
      path: `/ipfs/${dagCbor}/foo?format=dag-cbor`,
      expect: { status: 501 },
    },
    {
      name: 'DAG-CBOR: several links',
      path: `/ipfs/${dagCbor}/foo/link/bar?format=dag-cbor`,
      expect: { status: 200, body: cbor },
    },
    {
      name: 'DAG-CBOR: no such link',
      path: `/ipfs/${dagCbor}/foo/i-do-not-exist`,
      expect: { status: 404 },
    },
  ]
}

/** TestNativeDag. */
export async function nativeCases(): Promise<readonly Case[]> {
  return (await Promise.all(FORMATS.map(nativeOf))).flat()
}

async function nativeOf({ format, disposition }: (typeof FORMATS)[number]): Promise<Case[]> {
  const { root, block } = await openBound(`path_gateway_dag/dag-${format}-traversal.car`)
  const path = `/ipfs/${root}`
  const type = `application/vnd.ipld.dag-${format}`
  const plain = `application/${format}`
  const same: Expected = { status: 200, body: block }
  const asPlain: Expected = { ...same, headers: { 'content-type': plain } }
  const dag = { Accept: type }
  const named = `?filename=foobar.${format}`
  const head = { 'content-type': startsWith(type), 'content-length': /^\d+$/ }
  const tag = new RegExp(`${root}\\.dag-${format}`)
  const cases: Case[] = [
    { name: 'as it is', path, expect: same },
    { name: 'by format=', path: `${path}?format=dag-${format}`, expect: same },
    { name: 'by Accept', path, headers: dag, expect: same },
    { name: 'as the plain codec by format=', path: `${path}?format=${format}`, expect: asPlain },
    { name: 'as the plain codec by Accept', path, headers: { Accept: plain }, expect: asPlain },
    {
      name: 'has its headers',
      path,
      headers: dag,
      expect: {
        headers: {
          'content-type': type,
          'content-length': String(block.length),
          'content-disposition': startsWith(`${disposition}; filename="${root}.${format}"`),
          etag: tag,
          'x-ipfs-path': /./,
          'x-ipfs-roots': /./,
          'cache-control': /public, max-age=29030400, immutable/,
        },
      },
    },
    {
      name: 'under another name',
      path: `${path}${named}`,
      headers: dag,
      expect: {
        headers: {
          'content-disposition': startsWith(`${disposition}; filename="foobar.${format}"`),
        },
      },
    },
    {
      name: 'to be saved',
      path: `${path}${named}&download=true`,
      headers: dag,
      expect: {
        headers: { 'content-disposition': startsWith(`attachment; filename="foobar.${format}"`) },
      },
    },
    { name: 'HEAD', path, method: 'HEAD', expect: { status: 200, headers: head } },
    {
      name: 'HEAD by format=',
      path: `${path}?format=dag-${format}`,
      method: 'HEAD',
      expect: { status: 200, headers: { ...head, etag: tag } },
    },
    {
      name: 'HEAD only-if-cached of what is not here',
      path: `/ipfs/${await nowhere(root.code)}`,
      method: 'HEAD',
      headers: { 'Cache-Control': 'only-if-cached' },
      expect: { status: 412 },
    },
    {
      name: 'as a page',
      path: `${path}/`,
      headers: { Accept: 'text/html' },
      expect: {
        status: 200,
        headers: { etag: /DagIndex-/, 'content-type': /text\/html/, 'content-disposition': null },
        body: contains('</html>'),
      },
      or: [
        { headers: { 'cache-control': null } },
        {
          headers: { 'cache-control': 'public, max-age=604800, stale-while-revalidate=2678400' },
        },
      ],
    },
    ...onlyRanges(
      { name: 'as it is', path: `${path}/`, expect: {} },
      { content: block, contentType: type },
    ),
    ...onlyRanges(
      { name: 'by Accept', path: `${path}/`, headers: dag, expect: {} },
      { content: block, contentType: type },
    ),
    ...onlyRanges(
      { name: 'as the plain codec', path: `${path}/`, headers: { Accept: plain }, expect: {} },
      { content: block, contentType: plain },
    ),
  ]
  return cases.map((each) => ({ ...each, name: `DAG-${format.toUpperCase()} ${each.name}` }))
}

/** A CID of this codec whose block nobody has. */
async function nowhere(codec: number): Promise<CID> {
  return CID.createV1(codec, await sha256.digest(Buffer.from('is nowhere')))
}

async function openBound(name: string) {
  const fixture = await openFixture(name)
  return { root: fixture.root, block: fixture.block() }
}

function dispositionOf({
  headers,
}: {
  headers: { 'content-disposition': (value: string) => boolean }
}) {
  return { 'content-disposition': headers['content-disposition'] }
}

function startsWith(text: string): (value: string) => boolean {
  return (value) => value.startsWith(text)
}

function jsonOf(wanted: unknown): (body: Uint8Array) => void {
  return (body) => {
    const found = JSON.stringify(JSON.parse(Buffer.from(body).toString()))
    if (found !== JSON.stringify(wanted)) throw new Error(`is ${found}`)
  }
}

function hex(text: string): string {
  return Buffer.from(text).toString('hex')
}

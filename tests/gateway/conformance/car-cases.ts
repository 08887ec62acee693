import { type Case, carOf, carWith, type Expected } from './case.ts'
import { openFixture } from './fixture.ts'

const FOLDER = 'trustless_gateway_car'
const CAR = 'application/vnd.ipld.car'

/** What every CAR is sent with. */
const HEADERS: NonNullable<Expected['headers']> = {
  'x-content-type-options': 'nosniff',
  'accept-ranges': 'none',
  'content-type': /application\/vnd\.ipld\.car/,
  'content-disposition': /attachment; filename=".*\.car"/,
  etag: /./,
}

/** Each is asked twice: by `format=car`, and by Accept. */
function both(name: string, path: string, blocks: Expected['body']): readonly Case[] {
  const [bare = '', query = ''] = path.split('?')
  const expect = {
    status: 200,
    headers: HEADERS,
    ...(blocks === undefined ? {} : { body: blocks }),
  }
  const more = query === '' ? '' : `&${query}`
  return [
    { name: `${name}, by format=car`, path: `${bare}?format=car${more}`, expect },
    {
      name: `${name}, by Accept`,
      path: query === '' ? bare : `${bare}?${query}`,
      headers: { Accept: CAR },
      expect,
    },
  ]
}

/** TestTrustlessCarPathing. */
export async function carPathCases(): Promise<readonly Case[]> {
  const small = await openFixture(`${FOLDER}/subdir-with-two-single-block-files.car`)
  const hamt = await openFixture(`${FOLDER}/single-layer-hamt-with-multi-block-files.car`)
  const cbor = await openFixture(`${FOLDER}/dir-with-dag-cbor-with-links.car`)
  const document = cbor.at('document')
  const missing = `/ipfs/${small.root}/subdir/i-do-not-exist`
  const partial = carOf(small.root, small.at('subdir'))
  return [
    ...both(
      'a path through folders',
      `/ipfs/${small.root}/subdir/ascii.txt`,
      carOf(small.root, small.at('subdir'), small.at('subdir', 'ascii.txt')),
    ),
    ...both(
      'a path through a sharded folder',
      `/ipfs/${hamt.root}/685.txt`,
      carOf(hamt.root, hamt.shardsTo('685.txt'), hamt.at('685.txt'), hamt.below('685.txt')),
    ),
    ...both(
      'a path through a DAG-CBOR document',
      `/ipfs/${document}/files/single`,
      carOf(document, cbor.at('document', 'files/single')),
    ),
    ...[
      { name: 'no such file, by format=car', path: `${missing}?format=car` },
      { name: 'no such file, by Accept', path: missing, headers: { Accept: CAR } },
    ].map((each) => ({
      ...each,
      expect: {},
      or: [
        { status: 404 },
        { status: 200, headers: HEADERS, body: partial },
        { status: 200, headers: { ...HEADERS, 'x-stream-error': /./ } },
      ],
    })),
  ]
}

/** TestTrustlessCarDagScopeBlock, …Entity and …All. */
export async function carScopeCases(): Promise<readonly Case[]> {
  const small = await openFixture(`${FOLDER}/subdir-with-two-single-block-files.car`)
  const hamt = await openFixture(`${FOLDER}/single-layer-hamt-with-multi-block-files.car`)
  const mixed = await openFixture(`${FOLDER}/subdir-with-mixed-block-files.car`)
  const cbor = await openFixture(`${FOLDER}/dir-with-dag-cbor-with-links.car`)
  const subdir = `/ipfs/${small.root}/subdir`
  const inMixed = `/ipfs/${mixed.root}/subdir`
  const whole = [
    mixed.root,
    mixed.at('subdir'),
    mixed.at('subdir', 'multiblock.txt'),
    mixed.below('subdir', 'multiblock.txt'),
  ]
  return [
    ...both('block: a folder', `${subdir}?dag-scope=block`, carOf(small.root, small.at('subdir'))),
    ...both(
      'block: a file',
      `${subdir}/ascii.txt?dag-scope=block`,
      carOf(small.root, small.at('subdir'), small.at('subdir', 'ascii.txt')),
    ),
    ...both(
      'block: a file in a sharded folder',
      `/ipfs/${hamt.root}/1.txt?dag-scope=block`,
      carOf(hamt.root, hamt.shardsTo('1.txt'), hamt.at('1.txt')),
    ),
    ...both('entity: a folder', `/ipfs/${small.root}?dag-scope=entity`, carOf(small.root)),
    ...both(
      'entity: a sharded folder',
      `/ipfs/${hamt.root}?dag-scope=entity`,
      carOf(hamt.root, hamt.shards()),
    ),
    ...both(
      'entity: a file of one block',
      `${inMixed}/ascii.txt?dag-scope=entity`,
      carOf(mixed.root, mixed.at('subdir'), mixed.at('subdir', 'ascii.txt')),
    ),
    ...both('entity: a file', `${inMixed}/multiblock.txt?dag-scope=entity`, carOf(...whole)),
    ...both(
      'entity: a DAG-CBOR document',
      `/ipfs/${cbor.root}/document?dag-scope=entity`,
      carOf(cbor.root, cbor.at('document')),
    ),
    ...both(
      'all: a folder',
      `${inMixed}?dag-scope=all`,
      carOf(mixed.root, mixed.at('subdir'), mixed.below('subdir')),
    ),
    ...both('all: a file', `${inMixed}/multiblock.txt?dag-scope=all`, carOf(...whole)),
  ]
}

/** TestTrustlessCarEntityBytes. */
export async function carBytesCases(): Promise<readonly Case[]> {
  const hamt = await openFixture(`${FOLDER}/single-layer-hamt-with-multi-block-files.car`)
  const mixed = await openFixture(`${FOLDER}/subdir-with-mixed-block-files.car`)
  const holey = await openFixture(`${FOLDER}/file-3k-and-3-blocks-missing-block.car`)
  const file = mixed.at('subdir', 'multiblock.txt')
  const chunks = mixed.below('subdir', 'multiblock.txt')
  const asked = (path: unknown, bytes: string) =>
    `/ipfs/${path}?dag-scope=entity&entity-bytes=${bytes}`
  const inFile = (name: string, bytes: string, first: number, end?: number): readonly Case[] =>
    both(`entity-bytes ${name}`, asked(file, bytes), carOf(file, chunks.slice(first, end)))
  return [
    ...both(
      'entity-bytes before a missing block',
      asked(holey.root, '0:1000'),
      carOf(holey.root, 'QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF'),
    ),
    ...both(
      'entity-bytes behind a missing block',
      asked(holey.root, '2200:*'),
      carOf(holey.root, 'QmWXY482zQdwecnfBsj78poUUuPXvyw2JAFAEMw4tzTavV'),
    ),
    ...both(
      'entity-bytes of all of a file',
      asked(`${mixed.root}/subdir/multiblock.txt`, '0:*'),
      carOf(mixed.root, mixed.at('subdir'), file, chunks),
    ),
    ...both('entity-bytes of a folder', asked(hamt.root, '0:*'), carOf(hamt.root, hamt.shards())),
    ...inFile('from the middle on', '512:*', 2),
    ...inFile('in the middle', '512:1023', 2, 4),
    ...inFile('to before the end', '512:-256', 2, 4),
    ...inFile('at the end', '-5:*', 3),
    ...inFile('from before the start', '-9999:*', 0),
    ...inFile('from before the start to before the end', '-9999:-3', 0, 4),
    ...inFile('of the first byte', '0:0', 0, 1),
  ]
}

/** TestTrustlessCarOrderAndDuplicates. */
export async function carOrderCases(): Promise<readonly Case[]> {
  const fixture = await openFixture(`${FOLDER}/dir-with-duplicate-files.car`)
  const path = `/ipfs/${fixture.root}`
  const file = (name: string) => fixture.at(name)
  const multi = [file('multiblock.txt'), fixture.below('multiblock.txt')]
  const twice = [
    fixture.root,
    file('ascii.txt'),
    file('ascii-copy.txt'),
    file('hello.txt'),
    ...multi,
  ]
  const once = [fixture.root, file('ascii.txt'), file('hello.txt'), ...multi]
  const accept = (parameters: string) => ({ Accept: `${CAR}; ${parameters}` })
  const told = (...parts: readonly string[]) => ({
    'content-type': (value: string) => [CAR, ...parts].every((part) => value.includes(part)),
  })
  const one = (name: string, asked: Pick<Case, 'path' | 'headers'>, expect: Expected): Case => ({
    name,
    ...asked,
    expect: { status: 200, ...expect },
  })
  return [
    one(
      'dups=y: a block as often as it is met',
      { path, headers: accept('version=1; order=dfs; dups=y') },
      { headers: told('order=dfs', 'dups=y'), body: carOf(...twice) },
    ),
    one(
      'dups=n: a block once',
      { path, headers: accept('version=1; order=dfs; dups=n') },
      { headers: told('order=dfs', 'dups=n'), body: carOf(...once) },
    ),
    one(
      'order=unk',
      { path, headers: accept('version=1; order=unk') },
      { headers: told('order='), body: carWith(...twice) },
    ),
    one(
      'an identity CID is no block',
      {
        path: '/ipfs/bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa',
        headers: accept('dups=y'),
      },
      { headers: told('dups=y'), body: carOf() },
    ),
    one(
      'format=car with what Accept adds',
      { path: `${path}?format=car`, headers: accept('version=1; order=dfs; dups=y') },
      { headers: told('order=dfs', 'dups=y'), body: carOf(...twice) },
    ),
    one(
      'car-order before Accept',
      { path: `${path}?format=car&car-order=dfs`, headers: accept('order=unk') },
      { headers: told('order=dfs') },
    ),
    one(
      'car-dups before Accept',
      { path: `${path}?format=car&car-dups=y`, headers: accept('dups=n') },
      { headers: told('dups=y') },
    ),
  ]
}

/** TestTrustlessCarFormatPrecedence and TestTrustlessRawRanges. */
export async function precedenceCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('gateway-raw-block.car')
  const path = `/ipfs/${fixture.at('dir')}`
  return [
    {
      name: 'format=car before Accept: raw',
      path: `${path}?format=car`,
      headers: { Accept: 'application/vnd.ipld.raw' },
      expect: { status: 200, headers: { 'content-type': /application\/vnd\.ipld\.car/ } },
    },
    {
      name: 'format=raw before Accept: car',
      path: `${path}?format=raw`,
      headers: { Accept: CAR },
      expect: { status: 200, headers: { 'content-type': 'application/vnd.ipld.raw' } },
    },
  ]
}

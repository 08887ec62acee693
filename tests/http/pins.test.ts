import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, type StorageClient } from '../../src/client/client.ts'
import type { PinProgress } from '../../src/core/pins.ts'
import { createStorageNode, type StorageNode } from '../../src/node/storage-node.ts'
import { rawCid } from '../support/block-store.ts'
import { noise } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { file, problemOf, startApi, type TestApi, until } from './support/api.ts'

const HELLO = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const MISSING = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk4'
/** A raw block under blake3, which nothing here can verify. */
const BLAKE3 = 'bafkr4iae4c5tt4yldi76xcpvg3etxykqkvec352im5fqbutolj2xo5yc5e'
const NOBODY = '12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC'
const LINES = { accept: 'application/x-ndjson' }
const LATER = '2099-01-31T00:00:00.000Z'

const stack = new AsyncDisposableStack()
let api: TestApi
let client: StorageClient

beforeAll(async () => {
  api = stack.use(await startApi({ bounds: { idleBodyMs: 300 } }))
  client = stack.use(createClient({ url: api.server.url }))
})
afterAll(() => stack.disposeAsync())

function post(path: string, body: unknown, headers: Record<string, string> = {}, to = api) {
  return fetch(`${to.ipfs}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function linesOf(response: Response) {
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('application/x-ndjson')
  const text = await response.text()
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** Content that nothing keeps, another each time. */
let seed = 1000
async function unpinned(to: { node: StorageNode } = api, bytes = 100): Promise<string> {
  seed += 1
  const { cid, pinned } = await to.node.upload(noise(bytes, seed), { pin: false })
  expect(pinned).toBe(false)
  return cid
}

describe('POST /pins', () => {
  test('pins, with all that is told of it; 201, then 200', async () => {
    const cid = await unpinned()
    const details = { name: 'näme', metadata: { origin: 'here', '': 'x' }, expiresAt: LATER }
    const first = await post('/pins', { cid, mode: 'direct', ...details })
    expect(first.status).toBe(201)
    expect(first.headers.get('location')).toBe(`/api/v1/ipfs/pins/${cid}`)
    const pin = { cid, mode: 'direct', ...details, createdAt: expect.stringMatching(/Z$/) }
    const work = { blocks: 1, fetchedBlocks: 0, fetchedBytes: 0, durationMs: expect.any(Number) }
    expect(await first.json()).toEqual({ ...pin, created: true, ...work })
    const again = await post('/pins', { cid, expiresAt: null })
    expect(again.status).toBe(200)
    const { expiresAt: _, ...kept } = pin
    expect(await again.json()).toEqual({ ...kept, mode: 'recursive', created: false, ...work })
  })

  test('by a path pins what it leads to', async () => {
    async function* entries() {
      yield file('a', 'in a')
    }
    const { cid } = await api.node.upload({ entries: entries() }, { pin: false })
    const pinned = await post('/pins', { cid: `${cid}/a` })
    const inner = (await api.node.stat(`${cid}/a`)).cid
    expect(await pinned.json()).toMatchObject({ cid: inner, created: true })
    expect(await problemOf(await post('/pins', { cid: `${cid}/b` }))).toMatchObject({
      code: 'PATH_NOT_FOUND',
    })
  })

  test('in lines: progress, then the result', async () => {
    const cid = await unpinned()
    const told = await linesOf(await post('/pins', { cid }, LINES))
    const progress = { blocks: 1, fetchedBlocks: 0, fetchedBytes: 0, elapsedMs: expect.any(Number) }
    expect(told.slice(0, -1).every((line) => 'progress' in line)).toBe(true)
    expect(told[0]).toEqual({ progress })
    expect(told.at(-1)).toEqual({ result: expect.objectContaining({ cid, created: true }) })
  })

  test('what cannot be had is an error with its status, in lines too', async () => {
    for (const headers of [{}, LINES]) {
      const gone = await post('/pins', { cid: MISSING, offline: true }, headers)
      expect(gone.status).toBe(404)
      expect(await problemOf(gone)).toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    }
    expect((await fetch(`${api.ipfs}/pins/${MISSING}`)).status).toBe(404)
  })

  test('of a hash that nobody can verify is refused', async () => {
    await using networked = await startApi({ network: { listen: [] } })
    const refused = await post('/pins', { cid: BLAKE3 }, {}, networked)
    expect(await problemOf(refused)).toMatchObject({ code: 'UNSUPPORTED_CODEC', status: 422 })
    const absent = await post('/pins', { cid: BLAKE3, offline: true }, {}, networked)
    expect(await problemOf(absent)).toMatchObject({ code: 'CONTENT_NOT_FOUND', status: 404 })
  })

  test('twice at once keeps one pin', async () => {
    const cid = await unpinned()
    const both = await Promise.all([post('/pins', { cid }), post('/pins', { cid, name: 'b' })])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 201])
    const { pins } = await api.node.listPins({ cid })
    expect(pins).toMatchObject([{ cid, name: 'b' }])
  })

  test.each([
    ['no JSON', '{', 'INVALID_INPUT', 400],
    ['no object', '[]', 'INVALID_INPUT', 400],
    ['null', 'null', 'INVALID_INPUT', 400],
    ['no CID', {}, 'INVALID_INPUT', 400],
    ['an empty CID', { cid: '' }, 'INVALID_INPUT', 400],
    ['a CID that is a number', { cid: 7 }, 'INVALID_INPUT', 400],
    ['what is no CID', { cid: 'hello' }, 'INVALID_CID', 400],
    ['a CID cut off', { cid: HELLO.slice(0, 20) }, 'INVALID_CID', 400],
    ['a path that leads out', { cid: `${HELLO}/../x` }, 'INVALID_INPUT', 400],
    ['an unknown field', { cid: HELLO, pinned: true }, 'INVALID_INPUT', 400],
    ['an owner', { cid: HELLO, owner: 'me' }, 'INVALID_INPUT', 400],
    ['another mode', { cid: HELLO, mode: 'indirect' }, 'INVALID_INPUT', 400],
    ['offline as text', { cid: HELLO, offline: 'true' }, 'INVALID_INPUT', 400],
    ['a name too long', { cid: HELLO, name: 'ä'.repeat(128) }, 'INVALID_INPUT', 400],
    ['a name that is none', { cid: HELLO, name: null }, 'INVALID_INPUT', 400],
    ['metadata of numbers', { cid: HELLO, metadata: { a: 1 } }, 'INVALID_INPUT', 400],
    ['metadata that is a list', { cid: HELLO, metadata: ['a'] }, 'INVALID_INPUT', 400],
    ['too large metadata', { cid: HELLO, metadata: { a: 'a'.repeat(4096) } }, 'INVALID_INPUT', 400],
    [
      'too many metadata',
      { cid: HELLO, metadata: { ...Array(65).fill('x') } },
      'INVALID_INPUT',
      400,
    ],
    ['a prototype', `{"cid":"${HELLO}","metadata":{"__proto__":"x"}}`, 'INVALID_INPUT', 400],
    [
      'an expiry in the past',
      { cid: HELLO, expiresAt: '2020-01-01T00:00:00Z' },
      'INVALID_INPUT',
      400,
    ],
    ['an expiry that is no time', { cid: HELLO, expiresAt: 'soon' }, 'INVALID_INPUT', 400],
    ['an expiry that is a number', { cid: HELLO, expiresAt: 4102444800000 }, 'INVALID_INPUT', 400],
    ['a body too large', { cid: HELLO, name: 'x'.repeat(70_000) }, 'UPLOAD_TOO_LARGE', 413],
  ])('%s is refused', async (_what, body, code, status) => {
    await api.node.upload('Hello PRSM IPFS!', { pin: false })
    for (const headers of [{}, LINES]) {
      expect(await problemOf(await post('/pins', body, headers))).toMatchObject({ code, status })
    }
    expect((await fetch(`${api.ipfs}/pins/${HELLO}`)).status).toBe(404)
  })

  test('another media type, no body, another method', async () => {
    const text = await post('/pins', { cid: HELLO }, { 'content-type': 'text/plain' })
    expect(text.status).toBe(415)
    const none = await fetch(`${api.ipfs}/pins`, { method: 'POST' })
    expect((await problemOf(none)).status).toBe(415)
    const put = await fetch(`${api.ipfs}/pins`, { method: 'PUT' })
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST'])
  })
})

describe('a pin that waits', () => {
  let away: TestApi
  beforeAll(async () => {
    const peers = [`/ip4/127.0.0.1/tcp/9/p2p/${NOBODY}`]
    away = stack.use(await startApi({ network: { listen: ['/ip4/127.0.0.1/tcp/0'], peers } }))
  })

  const ended = async (status: string, count: number) => {
    const text = await away.node.metrics.registry.metrics()
    return text.includes(`ipfs_operations_total{operation="pin",status="${status}"} ${count}`)
  }

  test.each([
    ['in lines', LINES, 1],
    ['without', {}, 2],
  ])('ends when its client goes away, %s', async (_how, headers, count) => {
    const stop = new AbortController()
    const asking = fetch(`${away.ipfs}/pins`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ cid: MISSING }),
      signal: stop.signal,
    })
    setTimeout(() => stop.abort(), 600)
    await expect(asking.then((response) => response.text())).rejects.toThrow()
    await until(() => ended('CANCELLED', count))
    expect(await away.node.listPins()).toEqual({ pins: [] })
  })

  test('tells what it waits for, and ends when its listener throws or it is cancelled', async () => {
    await using there = createClient({ url: away.server.url })
    const told: PinProgress[] = []
    const stop = new AbortController()
    const waiting = there.pin(MISSING, {
      signal: stop.signal,
      onProgress: (progress) => {
        told.push(progress)
        if (progress.stalled !== undefined) stop.abort()
      },
    })
    expect(await codeOf(waiting)).toBe('CANCELLED')
    expect(told.length).toBeGreaterThan(10)
    expect(told.at(-1)?.stalled).toEqual({
      cid: MISSING,
      forMs: expect.any(Number),
      waitingFor: [NOBODY],
    })
    await until(() => ended('CANCELLED', 3))
    for (const storage of [there, away.node]) {
      const throwing = storage.pin(MISSING, {
        onProgress: () => {
          throw new Error('enough')
        },
      })
      expect(await failureOf(throwing)).toMatchObject({
        code: 'INVALID_INPUT',
        message: 'onProgress threw: enough',
      })
    }
    await until(() => ended('CANCELLED', 4))
  }, 20_000)

  test('a node that closes ends it, with a line that says so', async () => {
    await using peerless = await startApi({
      network: { listen: [], peers: [`/ip4/127.0.0.1/tcp/9/p2p/${NOBODY}`] },
      bounds: { drainMs: 100 },
    })
    const response = await post('/pins', { cid: MISSING }, LINES, peerless)
    await peerless.server.close()
    const told = await linesOf(response)
    expect(told.at(-1)).toMatchObject({ error: { code: 'NODE_CLOSED', status: 503 } })
  })
})

describe('GET /pins', () => {
  let own: TestApi
  const cids: string[] = []
  beforeAll(async () => {
    own = stack.use(await startApi())
    for (const name of ['a model', 'another model', 'dataset']) {
      const cid = await unpinned(own)
      cids.push(cid)
      await own.node.pin(cid, { name, mode: name === 'dataset' ? 'direct' : 'recursive' })
    }
    cids.sort()
  })

  const get = (query: string, headers = {}) => fetch(`${own.ipfs}/pins${query}`, { headers })
  const listed = async (query: string): Promise<{ pins: { cid: string }[]; next?: string }> =>
    JSON.parse(await (await get(query)).text())

  test('in pages, in the order of the CIDs', async () => {
    const all = await listed('')
    expect(all.pins.map(({ cid }) => cid)).toEqual(cids)
    expect(all).not.toHaveProperty('next')
    const first = await listed('?limit=2')
    expect(first.next).toBe(cids[1])
    const second = await listed(`?limit=2&after=${first.next}`)
    expect([...first.pins, ...second.pins]).toEqual(all.pins)
    expect(second).not.toHaveProperty('next')
  })

  test('filtered by mode, name and CID', async () => {
    const names = async (query: string) => (await listed(query)).pins.length
    expect(await names('?name=model')).toBe(2)
    expect(await names('?name=%25')).toBe(0)
    expect(await names('?mode=direct')).toBe(1)
    expect(await names(`?cid=${cids[0]}`)).toBe(1)
    expect(await names(`?cid=${MISSING}`)).toBe(0)
    expect((await linesOf(await get('?name=model', LINES))).length).toBe(2)
  })

  test('in lines: all of them', async () => {
    const { pins } = await listed('')
    expect(await linesOf(await get('', LINES))).toEqual(pins)
    expect(await linesOf(await get('?name=nothing', LINES))).toEqual([])
  })

  test.each([
    ['?limit=0', {}, 'INVALID_INPUT'],
    ['?limit=1001', {}, 'INVALID_INPUT'],
    ['?limit=x', {}, 'INVALID_INPUT'],
    ['?mode=all', {}, 'INVALID_INPUT'],
    ['?cid=hello', {}, 'INVALID_CID'],
    ['?cid=hello', LINES, 'INVALID_CID'],
    ['?limit=2', LINES, 'INVALID_INPUT'],
    ['?owner=me', {}, 'INVALID_INPUT'],
    ['?name=a&name=b', {}, 'INVALID_INPUT'],
  ])('%s is refused', async (query, headers, code) => {
    expect(await problemOf(await get(query, headers))).toMatchObject({ code, status: 400 })
  })

  test('one by its CID, in any version of it; HEAD too', async () => {
    const [cid = ''] = cids
    const found = await get(`/${cid}`)
    expect(await found.json()).toEqual((await own.node.listPins({ cid })).pins[0])
    const head = await fetch(`${own.ipfs}/pins/${cid}`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(await problemOf(await get(`/${MISSING}`))).toMatchObject({
      code: 'PIN_NOT_FOUND',
      details: { cid: MISSING },
    })
    expect(await problemOf(await get('/hello'))).toMatchObject({ code: 'INVALID_CID' })
  })
})

test('DELETE /pins/{cid} lets it go; the upload stays in the list', async () => {
  const { cid } = await api.node.upload('let go', { filename: 'let go' })
  const removed = await fetch(`${api.ipfs}/pins/${cid}`, { method: 'DELETE' })
  expect(removed.status).toBe(200)
  expect(await removed.json()).toMatchObject({ cid, mode: 'recursive' })
  const again = await fetch(`${api.ipfs}/pins/${cid}`, { method: 'DELETE' })
  expect(await problemOf(again)).toMatchObject({ code: 'PIN_NOT_FOUND', status: 404 })
  const { uploads } = await client.list()
  expect(uploads.find(({ filename }) => filename === 'let go')).toMatchObject({ pinned: false })
  const bad = await fetch(`${api.ipfs}/pins/hello`, { method: 'DELETE' })
  expect(await problemOf(bad)).toMatchObject({ code: 'INVALID_CID' })
})

describe('POST /pins/update', () => {
  test('pins one instead of another, with its name', async () => {
    const [from, to] = [await unpinned(), await unpinned()]
    await api.node.pin(from, { name: 'latest' })
    const moved = await post('/pins/update', { from, to })
    expect(moved.status).toBe(201)
    expect(await moved.json()).toMatchObject({ cid: to, name: 'latest', created: true })
    expect((await fetch(`${api.ipfs}/pins/${from}`)).status).toBe(404)
    const kept = await linesOf(
      await post('/pins/update', { from: to, to: from, unpin: false }, LINES),
    )
    expect(kept.at(-1)).toMatchObject({ result: { cid: from, name: 'latest' } })
    expect((await fetch(`${api.ipfs}/pins/${to}`)).status).toBe(200)
  })

  test('what is not pinned, not here, or not well formed leaves all as it was', async () => {
    const from = await unpinned()
    const missing = await post('/pins/update', { from, to: MISSING })
    expect(await problemOf(missing)).toMatchObject({ code: 'PIN_NOT_FOUND' })
    await api.node.pin(from)
    const gone = await post('/pins/update', { from, to: MISSING, offline: true })
    expect(await problemOf(gone)).toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    for (const body of [
      {},
      { from },
      { from, to: from, mode: 'direct' },
      { from: 'x', to: from },
    ]) {
      expect((await post('/pins/update', body)).status).toBe(400)
    }
    expect((await fetch(`${api.ipfs}/pins/${from}`)).status).toBe(200)
  })
})

describe('POST /pins/verify', () => {
  test('tells of each pin in a line', async () => {
    await using own = await startApi()
    const whole = await unpinned(own, 3_000_000)
    await own.node.pin(whole)
    const check = { cid: whole, mode: 'recursive', complete: true, blocks: 4, missing: [] }
    for (const body of [{}, { read: true }, { cid: whole, mode: 'recursive', name: '' }]) {
      expect(await linesOf(await post('/pins/verify', body, {}, own))).toEqual([check])
    }
    const bare = await fetch(`${own.ipfs}/pins/verify`, { method: 'POST' })
    expect(await linesOf(bare)).toEqual([check])
    expect(await linesOf(await post('/pins/verify', { mode: 'direct' }, {}, own))).toEqual([])
  })

  test.each([{ read: 'true' }, { limit: 1 }, { cid: 'hello' }, []])(
    '%j is refused',
    async (body) => {
      expect((await problemOf(await post('/pins/verify', body))).status).toBe(400)
    },
  )
})

describe('POST /repo/gc', () => {
  test('takes what nothing keeps, and says so', async () => {
    await using own = await startApi()
    const [kept, loose] = [await unpinned(own), await unpinned(own)]
    await own.node.pin(kept)
    const work = { blocks: 1, bytes: 100, expiredPins: 0, durationMs: expect.any(Number) }
    const dry = await post('/repo/gc', { dryRun: true }, {}, own)
    expect(dry.status).toBe(200)
    expect(await dry.json()).toEqual({ dryRun: true, ...work })
    expect(await own.node.status()).toMatchObject({ blocks: 2 })
    const real = await fetch(`${own.ipfs}/repo/gc`, { method: 'POST' })
    expect(await real.json()).toEqual({ dryRun: false, ...work })
    expect((await fetch(`${own.ipfs}/${loose}`)).status).toBe(404)
    expect((await fetch(`${own.ipfs}/${kept}`)).status).toBe(200)
  })

  test.each([
    { free: 0 },
    { free: -1 },
    { free: 1.5 },
    { free: 1e300 },
    { free: '1GiB' },
    { dryRun: 1 },
    { all: true },
    'x',
  ])('%j is refused', async (body) => {
    expect(await problemOf(await post('/repo/gc', body))).toMatchObject({ code: 'INVALID_INPUT' })
  })
})

describe('uploads', () => {
  test('say whether they are kept', async () => {
    const send = (query: string, body: string) =>
      fetch(`${api.ipfs}/upload?filename=kept${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body,
      })
    expect(await (await send('', 'kept by default')).json()).toMatchObject({ pinned: true })
    expect(await (await send('&pin=true', 'kept as asked')).json()).toMatchObject({ pinned: true })
    expect(await (await send('&pin=false', 'not kept')).json()).toMatchObject({ pinned: false })
    expect(await problemOf(await send('&pin=no', 'x'))).toMatchObject({ code: 'INVALID_INPUT' })
    const list = await fetch(`${api.ipfs}/uploads?limit=3`)
    const { uploads } = JSON.parse(await list.text())
    expect(uploads.map(({ pinned }: { pinned: boolean }) => pinned)).toEqual([false, true, true])
  })

  test('of a form and a folder, too', async () => {
    const form = new FormData()
    form.append('file', new Blob(['in a form']), 'formed')
    const sent = await fetch(`${api.ipfs}/upload?pin=false`, { method: 'POST', body: form })
    expect(await sent.json()).toMatchObject({ filename: 'formed', pinned: false })
    async function* entries() {
      yield file('a', 'in a folder')
    }
    const folder = await client.upload({ entries: entries() }, { pin: false, filename: 'f' })
    expect(folder.pinned).toBe(false)
  })
})

describe('the client', () => {
  let own: TestApi
  let there: StorageClient
  beforeAll(async () => {
    own = stack.use(await startApi())
    there = stack.use(createClient({ url: own.server.url }))
  })

  test('has the methods of the node', async () => {
    const { cid } = await there.upload('pinned by hand', { pin: false })
    const told: PinProgress[] = []
    const pinned = await there.pin(cid, {
      name: 'by hand',
      metadata: { a: 'b' },
      expiresAt: new Date(LATER),
      onProgress: (progress) => told.push(progress),
    })
    expect(pinned).toMatchObject({ cid, name: 'by hand', expiresAt: LATER, created: true })
    expect(told.at(-1)).toMatchObject({ blocks: 1 })
    expect((await there.pin(`/ipfs/${cid}`)).created).toBe(false)

    const expected = (await own.node.listPins()).pins
    expect(await Array.fromAsync(there.pins())).toEqual(expected)
    expect(await there.listPins({ limit: 1 })).toEqual({ pins: expected })
    expect(await Array.fromAsync(there.pins({ name: 'other' }))).toEqual([])
    expect(await Array.fromAsync(there.verifyPins({ read: true }))).toEqual([
      { cid, mode: 'recursive', complete: true, blocks: 1, missing: [] },
    ])

    const next = await there.upload('the next version', { pin: false })
    const moved = await there.updatePin(cid, next.cid, { metadata: {} })
    expect(moved).toMatchObject({ cid: next.cid, name: 'by hand', metadata: {} })
    expect(await there.collect({ dryRun: true, free: 1 })).toMatchObject({
      dryRun: true,
      blocks: 1,
    })
    expect(await there.collect()).toMatchObject({ blocks: 1, bytes: 14 })
    expect(await there.unpin(next.cid)).toMatchObject({ cid: next.cid, name: 'by hand' })
    expect((await there.list()).uploads.map(({ pinned }) => pinned)).toEqual([false, false])
  })

  test('fails as the node does', async () => {
    const works = (storage: StorageClient | StorageNode): Promise<unknown>[] => [
      storage.pin(MISSING, { offline: true }),
      storage.pin('hello'),
      storage.pin(BLAKE3),
      storage.pin(MISSING, { name: 'x'.repeat(256) }),
      storage.pin(MISSING, { expiresAt: new Date(0) }),
      storage.pin(MISSING, { expiresAt: new Date(Number.NaN) }),
      storage.pin(MISSING, { signal: AbortSignal.abort() }),
      storage.unpin(MISSING),
      storage.unpin(`${MISSING}/path`),
      storage.updatePin(MISSING, MISSING),
      storage.updatePin(`${MISSING}/path`, MISSING),
      storage.listPins({ limit: 0 }),
      storage.listPins({ cid: 'hello' }),
      Array.fromAsync(storage.pins({ cid: 'hello' })),
      Array.fromAsync(storage.verifyPins({ cid: 'hello' })),
      storage.collect({ free: 0 }),
    ]
    const [here, far] = await Promise.all(
      [own.node, there].map((one) => Promise.all(works(one).map(codeOf))),
    )
    expect(far).toEqual(here)
  })

  test('fetches what a peer has, and tells how much', async () => {
    const network = { listen: ['/ip4/127.0.0.1/tcp/0'] }
    await using other = await createStorageNode({ storage: 'memory', network })
    await using here = await startApi({ network })
    await using near = createClient({ url: here.server.url })
    const { cid } = await other.upload(noise(5_000_000, 77))
    const [address = ''] = (await other.id()).addresses
    await near.connectPeer(address)
    const pinned = await near.pin(cid)
    expect(pinned).toMatchObject({ blocks: 6, fetchedBlocks: 6, created: true })
    expect(pinned.fetchedBytes).toBeGreaterThan(5_000_000)
    await near.disconnectPeer((await other.id()).id)
    await here.node.collect()
    const [check] = await Array.fromAsync(near.verifyPins({ read: true }))
    expect(check).toMatchObject({ cid, complete: true, blocks: 6 })
  })
})

test('what is not whole is told as such', async () => {
  const absent = rawCid(Buffer.from('never stored'))
  expect(await codeOf(api.node.pin(absent, { offline: true }))).toBe('CONTENT_NOT_FOUND')
})

import fc from 'fast-check'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlockSession } from '../../src/core/block-source.ts'
import { isPrsmError, PrsmError } from '../../src/core/errors.ts'
import { limits } from '../../src/core/limits.ts'
import { negotiate, parseAccept } from '../../src/gateway/negotiate.ts'
import { exchange, head } from '../http/support/raw-client.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'
import { TYPE } from '../unit/unixfs/hand-made.ts'
import {
  startTestGateway,
  storeBlock,
  storeFile,
  storeFolder,
  storeNode,
  type TestGateway,
} from './support/gateway.ts'

const MISSING = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway[Symbol.asyncDispose]())

describe('an error', () => {
  test.each([
    [
      'text/html,application/xhtml+xml,*/*;q=0.8',
      'text/html; charset=utf-8',
      '<h1>404 Not Found</h1>',
    ],
    ['application/json', 'application/problem+json', '"code":"CONTENT_NOT_FOUND"'],
    ['*/*', 'text/plain; charset=utf-8', MISSING],
    ['text/html;q=0', 'text/plain; charset=utf-8', MISSING],
  ])('is told in what the client takes: %s', async (accept, type, part) => {
    const answer = await gateway.ask(`/ipfs/${MISSING}`, { headers: { accept } })
    const body = await answer.text()
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toBe(type)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.get('content-length')).toBe(`${Buffer.byteLength(body)}`)
    expect(body).toContain(part)
  })

  test('never carries what was asked for into a page', async () => {
    const headers = { accept: 'text/html' }
    const answer = await gateway.ask('/ipfs/%3Cscript%3Ealert(1)%3C%2Fscript%3E', { headers })
    const page = await answer.text()
    expect(page).not.toContain('<script')
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none'/)
    const other = await gateway.ask('/<script>', { headers })
    expect(await other.text()).not.toContain('<script')
  })

  test('of HEAD has its status and no body', async () => {
    const answer = await gateway.ask(`/ipfs/${MISSING}`, { method: 'HEAD' })
    expect([answer.status, await answer.text()]).toEqual([404, ''])
  })

  test('keeps the connection for the next request', async () => {
    const two = `${head(`GET /ipfs/${MISSING}`)}${head('GET /ipfs/bafkqaaa', { Connection: 'close' })}`
    const text = await exchange(gateway.port, two)
    expect([...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status)).toEqual([
      '404',
      '200',
    ])
  })

  test('of what nobody has answered for in time is a time-out', async () => {
    const unanswered = (count: number) =>
      failing(new PrsmError('CONTENT_NOT_FOUND', 'not found', { details: { unanswered: count } }))
    await using waiting = await startTestGateway({ session: unanswered(2) })
    expect((await waiting.ask(`/ipfs/${MISSING}`)).status).toBe(504)
    await using sure = await startTestGateway({ session: unanswered(0) })
    expect((await sure.ask(`/ipfs/${MISSING}`)).status).toBe(404)
  })

  test('of ours tells nothing but where the log has it', async () => {
    const lines: string[] = []
    const logger = pino({ level: 'info' }, { write: (line) => lines.push(line) })
    const session = failing(new Error('secret'))
    await using broken = await startTestGateway({ logger, session })
    const answer = await broken.ask(`/ipfs/${MISSING}`)
    const body = await answer.text()
    const requestId = /under (\S+)/.exec(body)?.[1]
    expect(answer.status).toBe(500)
    expect(body).not.toContain('secret')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { requestId, component: 'gateway', err: { message: 'secret' } },
    ])
  })

  test.each([
    ['a node without content', {}],
    ['a node of a type that is none', { type: TYPE.metadata }],
    ['a file that lies about its size', { type: TYPE.file, fileBytes: 5 }],
  ])('of %s is not a fault of ours', async (_name, message) => {
    const cid = await storeNode(gateway, message)
    expect((await gateway.ask(`/ipfs/${cid}`)).status).toBe(422)
  })
})

/** A session whose every read fails with `error`. */
function failing(error: Error): () => BlockSession {
  return () => ({
    get: () => Promise.reject(error),
    getPart: () => Promise.reject(error),
    size: () => Promise.reject(error),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}

describe('only-if-cached', () => {
  const headers = { 'cache-control': 'only-if-cached' }

  test('asks nobody, and says when it is not here', async () => {
    const cid = await storeFile(gateway, 'here')
    const before = gateway.sessions.length
    const here = await gateway.ask(`/ipfs/${cid}`, { headers })
    expect([here.status, await here.text()]).toEqual([200, 'here'])
    const json = { 'cache-control': 'max-age=0, Only-If-Cached', accept: 'application/json' }
    const answer = await gateway.ask(`/ipfs/${MISSING}`, { headers: json })
    expect(answer.status).toBe(412)
    expect(JSON.parse(await answer.text())).toMatchObject({ code: 'NOT_CACHED' })
    await (await gateway.ask(`/ipfs/${cid}`)).text()
    const asked = gateway.sessions.slice(before).map((one) => [one.offline, `${one.root}`])
    expect(asked).toEqual([
      [true, `${cid}`],
      [true, MISSING],
      [false, `${cid}`],
    ])
  })
})

describe('a body that cannot be sent whole', () => {
  test('is cut off, so that it does not look it', async () => {
    await using source = await startTestGateway()
    const leaf = noise(MIB, 3)
    const here = await storeBlock(source, leaf)
    const root = await storeNode(
      source,
      { type: TYPE.file, fileBytes: 2 * MIB, blockSizes: [MIB, MIB] },
      [
        { name: '', cid: here },
        { name: '', cid: await storeBlock(gateway, noise(MIB, 4)) },
      ],
    )
    const answer = await source.ask(`/ipfs/${root}`)
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, `${2 * MIB}`])
    const received: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of answer.body ?? []) received.push(chunk)
    })()
    await expect(reading).rejects.toThrow()
    expect(
      sameBytes(Buffer.concat(received), leaf.subarray(0, Buffer.concat(received).length)),
    ).toBe(true)
  })

  test('has an error status when its first block is missing', async () => {
    const root = await storeNode(gateway, { type: TYPE.file, fileBytes: MIB, blockSizes: [MIB] }, [
      { name: '', cid: await storeBlock(await elsewhere(), noise(MIB, 5)) },
    ])
    expect((await gateway.ask(`/ipfs/${root}`)).status).toBe(404)
    expect((await gateway.ask(`/ipfs/${root}?filename=x.bin`)).status).toBe(404)
  })
})

/** A store whose blocks the gateway has not. */
async function elsewhere(): Promise<TestGateway> {
  const other = await startTestGateway()
  await other.server.close()
  return other
}

describe('the format', () => {
  test.each([
    ['', undefined, 'unixfs'],
    ['', '', 'unixfs'],
    ['', '*/*', 'unixfs'],
    ['', 'image/png, ,;;, /, a/b;c', 'unixfs'],
    ['format=raw', 'application/vnd.ipld.car', 'raw'],
    ['format=', 'application/vnd.ipld.car', 'car'],
    ['', 'Application/VND.ipld.CAR; version=1', 'car'],
    ['', 'application/json, text/plain, */*', 'json'],
    ['', 'text/html, application/json', 'unixfs'],
    ['', 'text/html;q=0.5, application/json', 'json'],
    ['', 'application/vnd.ipld.raw;q=0.1, application/vnd.ipld.car;q=0.2', 'car'],
    ['', 'application/vnd.ipld.raw;q=0, application/vnd.ipld.car;q=0.2', 'car'],
    ['', 'application/vnd.ipld.raw;q=x', 'raw'],
    ['', 'application/vnd.ipld.future, */*', 'unixfs'],
  ])('%s with Accept %s is %s %s', (query, accept, format) => {
    expect(negotiate(new URLSearchParams(query), accept).format).toBe(format)
  })

  test('carries the parameters of its media type', () => {
    const accept = 'application/vnd.ipld.car; Dups=y;order="dfs" ; q=0.9'
    const parameters = { dups: 'y', order: 'dfs' }
    const none = new URLSearchParams()
    expect(Object.fromEntries(negotiate(none, accept).parameters)).toEqual(parameters)
    const named = negotiate(new URLSearchParams('format=car'), accept)
    expect(Object.fromEntries(named.parameters)).toEqual(parameters)
    expect(negotiate(new URLSearchParams('format=raw'), accept).parameters.size).toBe(0)
  })

  test('that is not known is a fault of the caller', async () => {
    const root = await storeFolder(gateway, { a: 'x' })
    expect((await gateway.ask(`/ipfs/${root}?format=zip`)).status).toBe(400)
    expect((await gateway.ask(`/ipfs/${root}?format=ipns-record`)).status).toBe(400)
    const accept = 'application/vnd.ipld.future'
    expect((await gateway.ask(`/ipfs/${root}/`, { headers: { accept } })).status).toBe(406)
  })

  test('of any Accept is one, or not acceptable; of bounded work', () => {
    const unit = fc.constantFrom(
      ',',
      ';',
      '=',
      '"',
      '/',
      'q',
      '0',
      '.',
      ' ',
      '*',
      'application/json',
    )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit, maxLength: 300 }), fc.string()), (accept) => {
        expect(parseAccept(accept).length).toBeLessThanOrEqual(limits.maxMediaRanges)
        try {
          negotiate(new URLSearchParams(), accept)
        } catch (error) {
          expect(isPrsmError(error) && error.code).toBe('NOT_ACCEPTABLE')
        }
      }),
      { numRuns: 500 },
    )
  })
})

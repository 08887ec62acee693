import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createClient, type StorageClient } from '../../src/client/client.ts'
import type { Progress } from '../../src/core/content.ts'
import { VERSION } from '../../src/node/version.ts'
import { startApi } from './support/api.ts'

const HELLO = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const MISSING = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk4'
const MIB = 1 << 20

const stack = new AsyncDisposableStack()
let client: StorageClient
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prsm-client-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const { server } = stack.use(await startApi({ maxFileBytes: 8 * MIB }))
  client = stack.use(createClient({ url: `${server.url}/` }))
})

afterAll(() => stack.disposeAsync())

function code(name: string, says = '') {
  return { name: 'PrsmError', code: name, message: expect.stringContaining(says) }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

async function* pattern(bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += 100_000) {
    yield await Promise.resolve(Buffer.alloc(Math.min(100_000, bytes - at), `${at}`))
  }
}

async function text(content: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await all(content)).toString()
}

describe('upload', () => {
  test('of text, bytes, a Blob, streams: the same content, the same CID', async () => {
    const sources = [
      'Hello PRSM IPFS!',
      Buffer.from('Hello PRSM IPFS!'),
      new Blob(['Hello PRSM IPFS!']),
      Readable.from(['Hello ', 'PRSM IPFS!']),
      ReadableStream.from([Buffer.from('Hello PRSM IPFS!')]),
    ]
    for (const [index, source] of sources.entries()) {
      const result = await client.upload(source, {
        filename: 'test.txt',
        contentType: 'text/plain',
      })
      expect(result).toMatchObject({
        cid: HELLO,
        bytes: 16,
        filename: 'test.txt',
        contentType: 'text/plain',
        created: index === 0,
      })
    }
  })

  test('of a file takes its name, and of nothing is an empty file', async () => {
    const path = join(folder, 'näme & co?.bin')
    writeFileSync(path, 'x')
    expect((await client.upload({ path })).filename).toBe('näme & co?.bin')
    expect((await client.upload('')).bytes).toBe(0)
    expect((await client.upload(pattern(0))).bytes).toBe(0)
  })

  test('tells progress at least once, and last with the final size', async () => {
    const told: Progress[] = []
    const result = await client.upload(pattern(3 * MIB), {
      bytesTotal: 3 * MIB,
      onProgress: (progress) => told.push(progress),
    })
    expect(result.bytes).toBe(3 * MIB)
    expect(told.at(-1)).toMatchObject({ bytesDone: 3 * MIB, bytesTotal: 3 * MIB, percent: 100 })
    expect(told.every(({ bytesDone }) => bytesDone <= 3 * MIB)).toBe(true)
  })

  test('that is too large is told so while it is still being sent, and the source is ended', async () => {
    let ended = false
    async function* endless() {
      try {
        while (true) yield* pattern(MIB)
      } finally {
        ended = true
      }
    }
    await expect(client.upload(endless())).rejects.toMatchObject(code('UPLOAD_TOO_LARGE'))
    await vi.waitFor(() => expect(ended).toBe(true))
    const announced = client.upload(pattern(9 * MIB), { bytesTotal: 9 * MIB })
    await expect(announced).rejects.toMatchObject(code('UPLOAD_TOO_LARGE'))
  })

  test('whose source is silent or breaks does not hang or blame the connection', async () => {
    async function* broken() {
      yield* pattern(MIB)
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
    }
    await expect(client.upload(broken())).rejects.toMatchObject(
      code('UPLOAD_INCOMPLETE', 'socket hang up'),
    )
    async function* tooShort() {
      yield* pattern(10)
    }
    await expect(client.upload(tooShort(), { bytesTotal: 11 })).rejects.toMatchObject(
      code('UPLOAD_INCOMPLETE'),
    )
    const missing = client.upload({ path: join(folder, 'missing') })
    await expect(missing).rejects.toMatchObject(code('FILE_NOT_FOUND', 'missing'))
    const numbers = client.upload([1, 2] as unknown as Uint8Array[])
    await expect(numbers).rejects.toMatchObject(code('INVALID_INPUT', 'number'))
    expect((await client.list({ limit: 1 })).uploads).toHaveLength(1)
  })

  test('can be cancelled, also when the source is silent', async () => {
    async function* silent() {
      yield Buffer.from('x')
      await new Promise(() => {})
    }
    const signal = AbortSignal.timeout(100)
    await expect(client.upload(silent(), { signal })).rejects.toMatchObject(code('CANCELLED'))
  })

  test('checks what it is told to expect, and says what the daemon says', async () => {
    const wrong = client.upload('x', { expectedSha256: '0'.repeat(64) })
    await expect(wrong).rejects.toMatchObject(code('SHA256_MISMATCH'))
    const name = client.upload('x', { filename: 'a/b' })
    await expect(name).rejects.toMatchObject(code('INVALID_INPUT'))
  })
})

describe('download', () => {
  test('of a whole file, of parts, to the end and beyond', async () => {
    const { cid } = await client.upload('0123456789')
    const part = (offset?: number, length?: number) =>
      text(
        client.download(cid, {
          ...(offset === undefined ? {} : { offset }),
          ...(length === undefined ? {} : { length }),
        }),
      )
    expect(await part()).toBe('0123456789')
    expect(await part(3)).toBe('3456789')
    expect(await part(0, 1)).toBe('0')
    expect(await part(8, 100)).toBe('89')
    expect(await part(5, 0)).toBe('')
    expect(await part(10)).toBe('')
    await expect(part(11)).rejects.toMatchObject(code('INVALID_RANGE'))
    await expect(part(11, 0)).rejects.toMatchObject(code('INVALID_RANGE'))
    await expect(part(-1)).rejects.toMatchObject(code('INVALID_RANGE'))
  })

  test('of a large file, with progress, and as one array within bounds', async () => {
    const { cid } = await client.upload(pattern(5 * MIB))
    const told: Progress[] = []
    const download = client.download(cid, { onProgress: (progress) => told.push(progress) })
    const whole = Buffer.concat(await all(pattern(5 * MIB)))
    expect(whole.equals(await download.bytes())).toBe(true)
    expect(told.at(-1)).toMatchObject({ bytesDone: 5 * MIB, percent: 100 })
    await expect(download.bytes({ maxBytes: MIB })).rejects.toMatchObject(code('INVALID_INPUT'))
  })

  test('stops when the consumer stops or cancels, and the client goes on', async () => {
    const { cid } = await client.upload(pattern(7 * MIB))
    for await (const _piece of client.download(cid)) break
    const control = new AbortController()
    const reading = (async () => {
      for await (const _piece of client.download(cid, { signal: control.signal })) control.abort()
    })()
    await expect(reading).rejects.toMatchObject(code('CANCELLED'))
    expect((await client.stat(cid)).bytes).toBe(7 * MIB)
  })

  test('of what is not there, or no file, is told as the daemon tells it', async () => {
    const bytes = (content: string) => client.download(content).bytes()
    await expect(bytes(MISSING)).rejects.toMatchObject(code('CONTENT_NOT_FOUND'))
    await expect(bytes('nonsense')).rejects.toMatchObject(code('INVALID_CID'))
    await expect(bytes(`${HELLO}/../x`)).rejects.toMatchObject(code('INVALID_INPUT'))
    mkdirSync(join(folder, 'one'))
    writeFileSync(join(folder, 'one/file'), 'x')
    const { cid } = await client.upload({ path: join(folder, 'one') })
    await expect(bytes(cid)).rejects.toMatchObject(code('NOT_A_FILE'))
    await expect(bytes(`${cid}/none`)).rejects.toMatchObject(code('PATH_NOT_FOUND'))
  })
})

describe('folders', () => {
  const names = [
    '.hidden',
    'a b/c%20d',
    'new\nline',
    'back\\slash',
    'ünï/模型?#.bin',
    'empty/',
  ] as const

  test('go up, are listed, and come back as they were', async () => {
    const source = join(folder, 'set')
    for (const name of names) {
      mkdirSync(join(source, name, '..'), { recursive: true })
      if (name.endsWith('/')) mkdirSync(join(source, name))
      else writeFileSync(join(source, name), `in ${name}`)
    }
    const told: Progress[] = []
    const result = await client.upload({ path: source }, { onProgress: (one) => told.push(one) })
    const bytes = names
      .filter((name) => !name.endsWith('/'))
      .reduce((sum, name) => sum + Buffer.byteLength(`in ${name}`), 0)
    expect(result).toMatchObject({ filename: 'set', bytes, contentType: 'application/x-directory' })
    expect(told.at(-1)?.bytesDone).toBe(bytes)
    expect(await client.stat(result.cid)).toMatchObject({ kind: 'directory', links: 6 })
    const entries = await all(client.ls(result.cid))
    expect(new Set(entries.map(({ name }) => name))).toEqual(
      new Set(['.hidden', 'a b', 'new\nline', 'back\\slash', 'ünï', 'empty']),
    )
    for (const name of names.filter((one) => !one.endsWith('/'))) {
      expect(await text(client.download(`${result.cid}/${name}`))).toBe(`in ${name}`)
    }
    const out = join(folder, 'out')
    const saved = await client.downloadTo(result.cid, out)
    expect(saved).toMatchObject({ kind: 'directory', files: 5, bytes, path: out, cid: result.cid })
    expect(readdirSync(out).sort()).toEqual(readdirSync(source).sort())
    expect(readFileSync(join(out, 'ünï/模型?#.bin'), 'utf8')).toBe('in ünï/模型?#.bin')
    const inner = await client.downloadTo(CID.parse(result.cid), join(folder, 'out2'))
    expect(inner.files).toBe(5)
  })

  test('a listing of a file, or of what is not there, is an error', async () => {
    const { cid } = await client.upload('just a file')
    await expect(all(client.ls(cid))).rejects.toMatchObject(code('NOT_A_DIRECTORY'))
    await expect(all(client.ls(MISSING))).rejects.toMatchObject(code('CONTENT_NOT_FOUND'))
  })
})

describe('downloadTo', () => {
  test('saves a file of a folder under its own CID', async () => {
    mkdirSync(join(folder, 'two'))
    writeFileSync(join(folder, 'two/f'), 'content')
    const { cid } = await client.upload({ path: join(folder, 'two') })
    const target = join(folder, 'saved')
    const saved = await client.downloadTo(`/ipfs/${cid}/f`, target)
    expect(saved).toMatchObject({ kind: 'file', files: 1, bytes: 7, path: target })
    expect(saved.cid).toBe((await client.stat(`${cid}/f`)).cid)
    expect(readFileSync(target, 'utf8')).toBe('content')
    const again = client.downloadTo(cid, target)
    await expect(again).rejects.toMatchObject(code('FILE_UNWRITABLE', 'exists already'))
  })

  test('leaves nothing when it is cancelled', async () => {
    const { cid } = await client.upload(pattern(7 * MIB))
    const place = await mkdtemp(join(folder, 'cancelled-'))
    const control = new AbortController()
    const saving = client.downloadTo(cid, join(place, 'x'), {
      signal: control.signal,
      onProgress: () => control.abort(),
    })
    await expect(saving).rejects.toMatchObject(code('CANCELLED'))
    expect(readdirSync(place)).toEqual([])
  })
})

test('the list of uploads comes in pages', async () => {
  await client.upload('one', { filename: 'one' })
  await client.upload('two', { filename: 'two' })
  const first = await client.list({ limit: 1 })
  expect(first.uploads.map(({ filename }) => filename)).toEqual(['two'])
  const second = await client.list({ limit: 1, ...(first.next ? { before: first.next } : {}) })
  expect(second.uploads.map(({ filename }) => filename)).toEqual(['one'])
})

test("the status is the node's", async () => {
  expect(await client.status()).toMatchObject({ version: VERSION, dataDir: null })
})

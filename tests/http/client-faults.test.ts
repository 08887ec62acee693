import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { startApi } from './support/api.ts'

const CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const MIB = 1 << 20

function code(name: string, says = '') {
  return { name: 'PrsmError', code: name, message: expect.stringContaining(says) }
}

async function place(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'prsm-faults-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A server that answers as `listener` does: what stands in for a daemon that misbehaves. */
async function serve(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = createClient({ url: `http://127.0.0.1:${port}` })
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      await client.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function json(status: number, type: string, body: unknown): RequestListener {
  return (request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body))
  }
}

describe('nobody there', () => {
  test('a refused connection names the address and how to start a daemon', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    await using client = createClient({ url: `http://127.0.0.1:${port}` })
    for (const work of [
      () => client.status(),
      () => client.upload('x'),
      () => client.download(CID).bytes(),
      () => client.downloadTo(CID, '/tmp/never-written'),
    ]) {
      await expect(work()).rejects.toMatchObject({
        ...code('DAEMON_UNREACHABLE', `127.0.0.1:${port}`),
        hint: expect.stringContaining('prsm daemon'),
      })
    }
  })

  test('a connection that is cut before the answer', async () => {
    const server = createTcpServer((socket: Socket) => socket.destroy()).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await using client = createClient({ url: `http://127.0.0.1:${port}` })
    await expect(client.status()).rejects.toMatchObject(code('DAEMON_UNREACHABLE', 'broke'))
    await new Promise((resolve) => server.close(resolve))
  })

  test('what is no address is refused at once', () => {
    expect(() => createClient({ url: 'localhost:8000' })).toThrow('not the address of a daemon')
  })
})

describe('something else there', () => {
  test("an answer that is not the API's", async () => {
    for (const listener of [
      json(404, 'text/html', 'nothing'),
      json(200, 'application/json', { hello: 'world' }),
      json(500, 'application/problem+json', { detail: 'half a problem' }),
      ((_request, response) => response.end('<html>')) satisfies RequestListener,
    ]) {
      await using there = await serve(listener)
      await expect(there.client.status()).rejects.toMatchObject(
        code('DAEMON_UNREACHABLE', 'did not answer as a daemon'),
      )
    }
  })

  test('a problem with a code of a later version keeps its text and hint', async () => {
    const problem = {
      type: 'about:blank',
      title: 'Payment Required',
      status: 402,
      detail: 'pay first',
      code: 'PAYMENT_REQUIRED',
      hint: 'prsm pay',
      details: { price: '1' },
    }
    await using there = await serve(json(402, 'application/problem+json', problem))
    await expect(there.client.stat(CID)).rejects.toMatchObject({
      ...code('INTERNAL', 'pay first'),
      hint: 'prsm pay',
      details: { price: '1' },
    })
    for (const detail of ['toString', 'constructor']) {
      await using sly = await serve(
        json(402, 'application/problem+json', { ...problem, code: detail }),
      )
      await expect(sly.client.stat(CID)).rejects.toMatchObject(code('INTERNAL'))
    }
  })

  test('a listing that ends in an error line, or in the middle of one', async () => {
    const entry = { name: 'a', cid: CID, kind: 'file', bytes: 1 }
    const problem = {
      type: 'about:blank',
      title: 'x',
      status: 500,
      detail: 'bad block',
      code: 'BLOCK_CORRUPT',
    }
    const cases = [
      [`${JSON.stringify(entry)}\n${JSON.stringify({ error: problem })}\n`, 'BLOCK_CORRUPT'],
      [`${JSON.stringify(entry)}\n{"name":`, 'DAEMON_UNREACHABLE'],
      [`${JSON.stringify(entry)}\nnull\n`, 'DAEMON_UNREACHABLE'],
    ] as const
    for (const [body, expected] of cases) {
      await using there = await serve((_request, response) => response.end(body))
      const seen: string[] = []
      const listing = (async () => {
        for await (const { name } of there.client.ls(CID)) seen.push(name)
      })()
      await expect(listing).rejects.toMatchObject(code(expected))
      expect(seen).toEqual(['a'])
    }
  })
})

describe('a download that breaks', () => {
  const whole = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251))

  /** Answers ranges of `whole`, and cuts the connection after `bytes` of each answer. */
  function cutting(bytes: number, asked: (string | undefined)[]): RequestListener {
    return (request, response) => {
      const { range } = request.headers
      asked.push(range)
      const [first = 0, last = whole.length - 1] = range?.match(/\d+/g)?.map(Number) ?? []
      const part = whole.subarray(first, last + 1)
      const headers = {
        'content-length': part.length,
        'content-range': `bytes ${first}-${last}/10000`,
      }
      response.writeHead(range === undefined ? 200 : 206, headers)
      if (part.length <= bytes) response.end(part)
      else response.write(part.subarray(0, bytes), () => response.destroy())
    }
  }

  test('goes on where it stopped', async () => {
    const asked: (string | undefined)[] = []
    await using there = await serve(cutting(4000, asked))
    expect(whole.equals(await there.client.download(CID).bytes())).toBe(true)
    expect(asked).toEqual([undefined, 'bytes=4000-9999', 'bytes=8000-9999'])
    const part = await there.client.download(CID, { offset: 100, length: 5000 }).bytes()
    expect(whole.subarray(100, 5100).equals(part)).toBe(true)
  })

  test('goes on as long as bytes come, however often it breaks', async () => {
    const asked: (string | undefined)[] = []
    await using there = await serve(cutting(500, asked))
    expect(whole.equals(await there.client.download(CID).bytes())).toBe(true)
    expect(asked).toHaveLength(20)
  })

  /** Cuts after a thousand bytes, and from the sixth answer on after the head. */
  function stuck() {
    const asked: (string | undefined)[] = []
    const first = cutting(1000, asked)
    const listener: RequestListener = (request, response) => {
      if (asked.length < 5) return first(request, response)
      const { range } = request.headers
      asked.push(range)
      const headers = { 'content-length': 5000, 'content-range': 'bytes 5000-9999/10000' }
      response.writeHead(206, headers).flushHeaders()
      setTimeout(() => response.destroy(), 20)
    }
    return { asked, listener }
  }

  test('again and again in one place is an error, never a short file', async () => {
    await using at = await place()
    const { asked, listener } = stuck()
    await using there = await serve(listener)
    await expect(there.client.download(CID).bytes()).rejects.toMatchObject(
      code('STORAGE_IO', 'broke off'),
    )
    expect(asked).toHaveLength(5 + 3)
    const { listener: content } = stuck()
    const stat = { cid: CID, kind: 'file', bytes: 10_000, links: 0, codec: 'raw', sharded: false }
    await using saved = await serve((request, response) => {
      if (!request.url?.includes('/stat/')) content(request, response)
      else json(200, 'application/json', stat)(request, response)
    })
    const saving = saved.client.downloadTo(CID, join(at.path, 'out'))
    await expect(saving).rejects.toMatchObject(code('STORAGE_IO'))
    expect(readdirSync(at.path)).toEqual([])
  })

  test('of a folder, offline, asks offline why', async () => {
    await using at = await place()
    const asked: (string | undefined)[] = []
    const stat = {
      cid: CID,
      kind: 'directory',
      bytes: 9,
      links: 1,
      codec: 'dag-pb',
      sharded: false,
    }
    await using there = await serve((request, response) => {
      asked.push(request.url)
      if (request.url?.includes('/stat/')) json(200, 'application/json', stat)(request, response)
      else response.writeHead(200, { 'content-type': 'application/x-tar' }).end('cut off')
    })
    const saving = there.client.downloadTo(CID, join(at.path, 'out'), { offline: true })
    await expect(saving).rejects.toMatchObject(code('STORAGE_IO', 'broke off'))
    expect(asked).toHaveLength(3)
    expect(asked.every((url) => url?.endsWith('?offline=true'))).toBe(true)
  })

  test('with another part than was asked for is an error', async () => {
    await using there = await serve((_request, response) => response.end(whole))
    const reading = there.client.download(CID, { offset: 5 }).bytes()
    await expect(reading).rejects.toMatchObject(code('DAEMON_UNREACHABLE', 'another part'))
  })
})

describe('damage on the disk of the daemon', () => {
  async function daemonWithDamage(at: string) {
    const stack = new AsyncDisposableStack()
    const { server } = stack.use(await startApi({ dataDir: join(at, 'data') }))
    const client = stack.use(createClient({ url: server.url }))
    return { client, stack, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  }

  function largestFiles(folder: string): string[] {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile() && statSync(path).size === MIB)
  }

  test('is told with its code, of a file in one piece, in a folder, and of one that is saved', async () => {
    await using at = await place()
    await using there = await daemonWithDamage(at.path)
    const { client } = there
    await mkdir(join(at.path, 'set'))
    const pieces = [0, 1, 2, 3].map((piece) => Buffer.alloc(MIB, `piece ${piece}`))
    await writeFile(join(at.path, 'set/big'), Buffer.concat(pieces))
    await writeFile(join(at.path, 'set/a'), 'small')
    const { cid } = await client.upload({ path: join(at.path, 'set') })
    const last = largestFiles(join(at.path, 'data')).find((path) =>
      readFileSync(path).equals(pieces[3] ?? Buffer.alloc(0)),
    )
    writeFileSync(last ?? '', Buffer.alloc(MIB, 'damage'))
    await expect(client.download(`${cid}/big`).bytes()).rejects.toMatchObject(code('BLOCK_CORRUPT'))
    for (const content of [`${cid}/big`, cid]) {
      const saving = client.downloadTo(content, join(at.path, 'out'))
      await expect(saving).rejects.toMatchObject(code('BLOCK_CORRUPT'))
    }
    expect(readdirSync(at.path).sort()).toEqual(['data', 'set'])
    const start = await client.download(`${cid}/big`, { length: MIB }).bytes()
    expect(pieces[0]?.equals(start)).toBe(true)
  })
})

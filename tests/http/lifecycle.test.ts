import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startApiServer } from '../../src/http/server.ts'
import { createStorageNode } from '../../src/node/storage-node.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { noise, sleep, startApi } from './support/api.ts'
import { head, open, type Received } from './support/raw-client.ts'

const MIB = 2 ** 20
const UPLOAD = 'POST /api/v1/ipfs/upload?filename=x'
const OCTETS = { 'Content-Type': 'application/octet-stream' }

async function listenOn(host: string, port = 0) {
  const node = await createStorageNode({ storage: 'memory' })
  const { metrics } = node
  const parts = { node, metrics, logger: silentLogger }
  return await startApiServer(parts, { host, port, maxFileBytes: 0, version: '1' })
}

/** What follows a download of 30 MiB, which came whole. */
async function secondAnswer(received: Received): Promise<string> {
  await received.closed
  const [file = '', second = ''] = received.text().split(/(?=HTTP\/1\.1 )/)
  expect(file.length).toBeGreaterThan(30 * MIB)
  return second
}

describe('startApiServer', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['127.0.0.2', '127.0.0.2'],
    ['::1', '[::1]'],
    ['[::1]', '[::1]'],
  ])('listens on %s', async (host, name) => {
    await using server = await listenOn(host)
    expect(server.url).toBe(`http://${name}:${server.port}`)
    expect(server.port).toBeGreaterThan(0)
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
  })

  test.each(['0.0.0.0', '::', '192.168.1.1', 'example.com', '', '127.1'])(
    'refuses to listen on %j',
    async (host) => {
      await expect(listenOn(host)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    },
  )

  test('says which address is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address ? address.port : 0
    await expect(listenOn('127.0.0.1', port)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`),
      details: { host: '127.0.0.1', port },
    })
    other.close()
  })

  test('two servers in one process do not meet', async () => {
    await using one = await startApi()
    await using two = await startApi()
    const { cid } = await one.node.upload('only in one')
    expect((await fetch(`${one.ipfs}/${cid}`)).status).toBe(200)
    expect((await fetch(`${two.ipfs}/${cid}`)).status).toBe(404)
    const text = async (url: string) => (await fetch(`${url}/metrics`)).text()
    expect(await text(one.server.url)).toMatch(/ipfs_operations_total.*"upload",status="ok"\} 1/)
    expect(await text(two.server.url)).not.toMatch(/"upload"/)
  })
})

describe('close', () => {
  test('ends idle connections at once, and the port is free', async () => {
    await using api = await startApi()
    const { socket, received } = await open(api.server.port)
    socket.write(head('GET /health/live'))
    await received.saw(/"ok"/)
    const startedAt = Date.now()
    await api.server.close()
    await received.closed
    expect(Date.now() - startedAt).toBeLessThan(2000)
    await expect(once(connect(api.server.port, '127.0.0.1'), 'connect')).rejects.toThrow()
    await api.server.close()
  })

  test('waits for requests that run, and takes no others', async () => {
    await using api = await startApi()
    const { cid } = await api.node.upload(noise(30 * MIB))
    const late = ['/health/ready', '/health/live', '/api/v1/ipfs/status']
    const clients = await Promise.all(late.map(() => open(api.server.port)))
    for (const { socket, received } of clients) {
      socket.write(head(`GET /api/v1/ipfs/${cid}`))
      await received.saw(/^HTTP\/1\.1 200 OK/)
      socket.pause()
    }
    const closed = api.server.close()
    for (const [at, { socket }] of clients.entries()) socket.write(head(`GET ${late[at]}`))
    await expect(once(connect(api.server.port, '127.0.0.1'), 'connect')).rejects.toThrow()
    await sleep(200)
    for (const { socket } of clients) socket.resume()
    await closed
    const answers = await Promise.all(clients.map(({ received }) => secondAnswer(received)))
    expect(answers[0]).toMatch(/^HTTP\/1\.1 503 [\s\S]*"draining"/)
    expect(answers[1]).toMatch(/^HTTP\/1\.1 200 [\s\S]*"ok"/)
    expect(answers[2]).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"NODE_CLOSED"/)
  }, 20_000)

  test('cancels an upload that does not end in time, with words', async () => {
    await using api = await startApi({ bounds: { drainMs: 300 } })
    const { socket, received } = await open(api.server.port)
    socket.write(`${head(UPLOAD, { ...OCTETS, 'Content-Length': 1000 })}half`)
    await sleep(100)
    await api.server.close()
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"NODE_CLOSED"/)
    expect((await api.node.list()).uploads).toEqual([])
    const { values } = await api.node.metrics.operations.get()
    const uploads = values.filter(({ labels }) => labels.operation === 'upload')
    expect(uploads.map(({ labels }) => labels.status)).not.toContain('ok')
  })

  test('lets an upload end that does so in time', async () => {
    await using api = await startApi()
    const { socket, received } = await open(api.server.port)
    socket.write(`${head(UPLOAD, { ...OCTETS, 'Content-Length': 8 })}half`)
    await sleep(100)
    const closed = api.server.close()
    await sleep(100)
    socket.write('half')
    await received.saw(/^HTTP\/1\.1 201 /)
    await closed
    expect((await api.node.list()).uploads).toHaveLength(1)
  })

  test('cuts a download that nobody reads', async () => {
    await using api = await startApi({ bounds: { drainMs: 300 } })
    const { cid } = await api.node.upload(noise(40 * MIB))
    const { socket, received } = await open(api.server.port)
    socket.write(head(`GET /api/v1/ipfs/${cid}`))
    await received.saw(/^HTTP\/1\.1 200 OK/)
    socket.pause()
    const startedAt = Date.now()
    await api.server.close()
    expect(Date.now() - startedAt).toBeLessThan(5000)
    socket.resume()
    await received.closed
    expect(received.text().length).toBeLessThan(40 * MIB)
  }, 20_000)
})

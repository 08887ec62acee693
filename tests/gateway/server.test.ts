import { createServer } from 'node:net'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { silentLogger } from '../../src/telemetry/logger.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { NodeCache } from '../../src/unixfs/node-cache.ts'
import { until } from '../http/support/api.ts'
import { exchange, head, open } from '../http/support/raw-client.ts'
import { MIB, noise } from '../support/content.ts'
import { failureOf } from '../support/failure.ts'
import { startTestGateway, storeFile, type TestGateway } from './support/gateway.ts'

/** A gateway whose reads wait until they are let go. */
async function startHeld(
  bounds: Parameters<typeof startTestGateway>[0],
): Promise<{ held: TestGateway; waiting: () => number; letGo: () => void }> {
  const gate = Promise.withResolvers<void>()
  let waiting = 0
  const held = await startTestGateway({
    ...bounds,
    session: (blocks) => ({
      ...blocks,
      size: async (cid, options) => {
        waiting++
        const aborted = Promise.withResolvers<never>()
        options?.signal?.addEventListener('abort', () => aborted.reject(options.signal?.reason))
        await Promise.race([gate.promise, aborted.promise])
        return blocks.size(cid, options)
      },
    }),
  })
  return { held, waiting: () => waiting, letGo: () => gate.resolve() }
}

describe('what the gateway answers', () => {
  test('GET, HEAD and OPTIONS, and refuses the rest', async () => {
    await using gateway = await startTestGateway()
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await gateway.ask('/ipfs/bafkqaaa', { method })
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
      await answer.text()
    }
    const preflight = await gateway.ask('/ipfs/bafkqaaa', {
      method: 'OPTIONS',
      headers: { origin: 'https://example.org', 'access-control-request-headers': 'range' },
    })
    expect(preflight.status).toBe(204)
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'Content-Type, Range, User-Agent, X-Requested-With',
    })
  })

  test('whatever Host and Origin it is asked under', async () => {
    await using gateway = await startTestGateway()
    for (const headers of [{ Host: 'example.org' }, { Host: `${'a'.repeat(59)}.ipfs.localhost` }]) {
      const request = head('GET /ipfs/bafkqabtimvwgy3yk', { ...headers, Connection: 'close' })
      expect(await exchange(gateway.port, request)).toMatch(/^HTTP\/1.1 200 .*hello\n$/s)
    }
    const old = await exchange(gateway.port, 'GET /ipfs/bafkqabtimvwgy3yk HTTP/1.0\r\n\r\n')
    expect(old).toMatch(/^HTTP\/1.1 200 .*hello\n$/s)
  })

  test('content by subdomain is told not to be here', async () => {
    await using gateway = await startTestGateway()
    for (const Host of ['bafkqaaa.ipfs.localhost:8080', 'docs-ipfs-tech.ipns.dweb.link']) {
      for (const path of ['/', '/index.html']) {
        const request = head(`GET ${path}`, { Host, Connection: 'close' })
        expect(await exchange(gateway.port, request)).toMatch(/^HTTP\/1.1 501 .*subdomain/s)
      }
    }
  })

  test('no request with a body', async () => {
    await using gateway = await startTestGateway()
    const body = `${head('GET /ipfs/bafkqaaa', { 'Content-Length': 5 })}hello`
    expect(await exchange(gateway.port, body)).toMatch(/^HTTP\/1.1 400 .*Connection: close/s)
  })

  test.each([
    ['http://example.org/ipfs/bafkqabtimvwgy3yk', 200],
    ['HTTP://[::1]:80/ipfs/bafkqabtimvwgy3yk?format=raw', 200],
    ['http://example.org', 200],
    ['http://bafkqaaa.ipfs.localhost/', 501],
    ['http:///ipfs/bafkqaaa', 400],
    ['http://example.org?x', 400],
    ['ftp://example.org/ipfs/bafkqaaa', 400],
  ])('the form for proxies: %s is %i', async (target, status) => {
    await using gateway = await startTestGateway()
    const answer = await exchange(gateway.port, head(`GET ${target}`, { Connection: 'close' }))
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    if (target.includes('bafkqabt')) {
      expect(answer).toMatch(/x-ipfs-path: \/ipfs\/bafkqabtimvwgy3yk\r\n.*hello\n$/s)
    }
  })

  test('no request that is none, by hand', async () => {
    await using gateway = await startTestGateway()
    expect(await exchange(gateway.port, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400 .*HTTP/s)
    const large = head('GET /', { 'X-Large': 'x'.repeat(limits.maxHeadBytes) })
    expect(await exchange(gateway.port, large)).toMatch(/^HTTP\/1.1 431 /)
  })
})

describe('what the gateway bears with', () => {
  test('a head that takes too long is cut off', async () => {
    await using gateway = await startTestGateway({ bounds: { headMs: 200 } })
    const { socket, received } = await open(gateway.port)
    socket.write('GET /ipfs/bafkqaaa HTTP/1.1\r\nX-Slow: ')
    await received.closed
    expect(received.text()).toMatch(/^HTTP\/1.1 408 /)
  })

  test('more requests than it can answer are told to come back', async () => {
    const { held, waiting, letGo } = await startHeld({ bounds: { gatewayRequests: 2 } })
    await using gateway = held
    const cid = await storeFile(gateway, 'x')
    const running = [gateway.ask(`/ipfs/${cid}`), gateway.ask(`/ipfs/${cid}`)]
    await until(() => waiting() === 2)
    const third = await gateway.ask(`/ipfs/${cid}`)
    expect(third.status).toBe(429)
    expect(third.headers.get('retry-after')).toBe(`${limits.gatewayRetryAfterSeconds}`)
    await third.text()
    letGo()
    for (const answer of await Promise.all(running)) expect(await answer.text()).toBe('x')
    await until(() => gateway.ask(`/ipfs/${cid}`).then(({ status }) => status === 200))
  })

  test('a client that takes nothing is cut off, one that waits for us is not', async () => {
    const { held, waiting, letGo } = await startHeld({ bounds: { gatewayIdleMs: 150 } })
    await using gateway = held
    const small = await storeFile(gateway, 'slow')
    const asked = gateway.ask(`/ipfs/${small}`)
    await until(() => waiting() === 1)
    await new Promise((resolve) => setTimeout(resolve, 500))
    letGo()
    expect(await (await asked).text()).toBe('slow')
    const big = await storeFile(gateway, noise(32 * MIB))
    const { socket, received } = await open(gateway.port)
    socket.pause()
    socket.write(head(`GET /ipfs/${big}`))
    const running = async () => (await gateway.metrics.gatewayRunning.get()).values[0]?.value
    await until(async () => (await running()) === 1)
    await until(async () => (await running()) === 0)
    socket.resume()
    await received.closed
    expect(received.text().length).toBeLessThan(32 * MIB)
  })

  test('a client that goes away ends the work for it', async () => {
    const { held, waiting } = await startHeld({})
    await using gateway = held
    const cid = await storeFile(gateway, 'x')
    const stop = new AbortController()
    const asked = expect(gateway.ask(`/ipfs/${cid}`, { signal: stop.signal })).rejects.toThrow()
    await until(() => waiting() === 1)
    stop.abort()
    await asked
    await until(async () => (await gateway.metrics.gatewayRunning.get()).values[0]?.value === 0)
    const { values } = await gateway.metrics.gatewayRequests.get()
    expect(values).toMatchObject([{ labels: { format: 'error', status: 499 }, value: 1 }])
  })
})

describe('the life of the gateway', () => {
  test('it waits for what runs, and takes no more', async () => {
    const { held, waiting, letGo } = await startHeld({})
    await using gateway = held
    const cid = await storeFile(gateway, 'last')
    const { socket, received } = await open(gateway.port)
    socket.write(head('GET /ipfs/bafkqaaa'))
    await received.saw(/\r\n\r\n/)
    const running = gateway.ask(`/ipfs/${cid}`)
    await until(() => waiting() === 1)
    const closed = gateway.server.close()
    expect(gateway.server.close()).toBe(closed)
    await received.closed
    await expect(gateway.ask('/ipfs/bafkqaaa')).rejects.toThrow()
    letGo()
    expect(await (await running).text()).toBe('last')
    await closed
  })

  test('it does not wait for ever', async () => {
    const { held, waiting } = await startHeld({ bounds: { drainMs: 50 } })
    await using gateway = held
    const cid = await storeFile(gateway, 'x')
    const running = gateway.ask(`/ipfs/${cid}`)
    await until(() => waiting() === 1)
    await gateway.server.close()
    expect((await running).status).toBe(503)
  })

  test('a port that is taken is told', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', () => resolve()))
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const parts = {
      openSession: () => {
        throw new Error('no request comes')
      },
      nodes: new NodeCache(),
      logger: silentLogger,
      metrics: createMetrics(),
    }
    const error = await failureOf(startGateway(parts, { host: '127.0.0.1', port }))
    expect(error).toMatchObject({ code: 'ADDRESS_IN_USE', details: { port } })
    taken.close()
  })

  test('it listens on IPv6, too', async () => {
    const parts = {
      openSession: () => {
        throw new Error('no request comes')
      },
      nodes: new NodeCache(),
      logger: silentLogger,
      metrics: createMetrics(),
    }
    await using server = await startGateway(parts, { host: '[::1]', port: 0 })
    expect(server.url).toBe(`http://[::1]:${server.port}`)
    expect((await fetch(server.url)).status).toBe(200)
  })
})

test('requests are counted by format and status, and logged without their query', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line) => lines.push(line) })
  await using gateway = await startTestGateway({ logger })
  const cid = await storeFile(gateway, 'hello')
  await (await gateway.ask(`/ipfs/${cid}?filename=secret.txt`)).text()
  await (await gateway.ask(`/ipfs/${cid}?format=raw`)).text()
  await (await gateway.ask('/nothing')).text()
  await until(async () => (await gateway.metrics.gatewayRequests.get()).values.length === 3)
  const { values } = await gateway.metrics.gatewayRequests.get()
  expect(values.map(({ labels, value }) => [labels.format, labels.status, value])).toEqual([
    ['file', 200, 1],
    ['raw', 200, 1],
    ['error', 404, 1],
  ])
  const bytes = await gateway.metrics.gatewayBytes.get()
  expect(bytes.values.every(({ value }) => value > 100)).toBe(true)
  const requests = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request')
  expect(requests).toMatchObject([
    { component: 'gateway', method: 'GET', path: `/ipfs/${cid}`, format: 'file', status: 200 },
    { format: 'raw' },
    { format: 'error', status: 404 },
  ])
  expect(lines.join('')).not.toContain('secret')
})

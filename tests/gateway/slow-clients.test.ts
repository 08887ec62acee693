import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { TypeMemory } from '../../src/gateway/content-type.ts'
import { respond } from '../../src/gateway/dispatch.ts'
import { ReadAheadRoom } from '../../src/gateway/read-ahead-room.ts'
import { until } from '../http/support/api.ts'
import { head, open } from '../http/support/raw-client.ts'
import { openStore, rawCid } from '../support/block-store.ts'
import { MIB, noise } from '../support/content.ts'
import { askFor } from './support/asks.ts'
import { startTestGateway, storeFile, type TestGateway } from './support/gateway.ts'

/** Other tests run at the same time. */
const WAIT_MS = 20_000

/** A gateway that knows how many bytes of blocks it has read and when, and whose reads can be held. */
async function startCounted() {
  let bytes = 0
  const gate = { open: Promise.resolve() }
  const gateway = await startTestGateway({
    session: (blocks) => ({
      ...blocks,
      get: async (cid, options) => {
        await gate.open
        const block = await blocks.get(cid, options)
        bytes += block.byteLength
        return block
      },
    }),
  })
  return { gateway, gate, bytesRead: () => bytes }
}

async function runs(gateway: TestGateway): Promise<number | undefined> {
  return (await gateway.metrics.gatewayRunning.get()).values[0]?.value
}

/** Resolves when nothing more is read for a while. */
async function still(bytesRead: () => number): Promise<number> {
  for (let before = -1; before !== bytesRead(); ) {
    before = bytesRead()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  return bytesRead()
}

describe('requests that are sent before the answers are read', () => {
  test('are answered one after another, and read nothing before their turn', async () => {
    const { gateway, bytesRead } = await startCounted()
    await using _gateway = gateway
    const cid = await storeFile(gateway, noise(32 * MIB))
    const { socket, received } = await open(gateway.port)
    socket.pause()
    socket.write(head(`GET /ipfs/${cid}?format=car`).repeat(20))
    await until(async () => (await runs(gateway)) === 20, WAIT_MS)
    expect(await still(bytesRead)).toBeLessThan(32 * MIB)
    socket.destroy()
    await received.closed
    await until(async () => (await runs(gateway)) === 0)
  })

  test('keep their order, whichever is ready first', async () => {
    const { gateway, gate } = await startCounted()
    await using _gateway = gateway
    const cid = await storeFile(gateway, 'slow')
    const held = Promise.withResolvers<void>()
    gate.open = held.promise
    const { socket, received } = await open(gateway.port)
    const requests = [`GET /ipfs/${cid}?format=raw`, 'GET /nothing', 'HEAD /ipfs/bafkqaaa', 'GET /']
    socket.write(requests.map((line) => head(line)).join(''))
    await until(async () => (await runs(gateway)) === 4)
    expect(received.text()).toBe('')
    held.resolve()
    await received.saw(/slow.*nothing at.*<h1>IPFS gateway/s)
    const answered = received.text().matchAll(/HTTP\/1.1 (\d+)/g)
    expect(Array.from(answered, ([, status]) => status)).toEqual(['200', '404', '200', '200'])
    socket.destroy()
    await until(async () => (await runs(gateway)) === 0)
  })
})

describe('many clients that take nothing', () => {
  test('share the memory', async () => {
    const { gateway, bytesRead } = await startCounted()
    await using _gateway = gateway
    const cid = await storeFile(gateway, noise(12 * MIB))
    const clients = await Promise.all(Array.from({ length: 48 }, () => open(gateway.port)))
    for (const { socket } of clients) {
      socket.pause()
      socket.write(head(`GET /ipfs/${cid}`))
    }
    await until(async () => (await runs(gateway)) === 48, WAIT_MS)
    // What the system holds of each connection is not ours: up to 4 MiB, and 2 blocks are on their way.
    expect(await still(bytesRead)).toBeLessThan(128 * MIB + 48 * 7 * MIB)
    for (const { socket } of clients) socket.destroy()
    await until(async () => (await runs(gateway)) === 0, WAIT_MS)
  })

  test.each(['', '?format=car', '?format=tar'])(
    'no room: blocks are read one by one, %s',
    async (query) => {
      await using open = await openStore({ folder: null })
      const cid = await storeFile(open, noise(12 * MIB))
      let bytes = 0
      const ask = askFor(
        {
          get: async (one, options) => {
            const block = await open.store.get(one, options)
            bytes += block.byteLength
            return block
          },
          getPart: (one, part, options) => open.store.getPart(one, part, options),
          size: (one) => open.store.size(one),
        },
        `/ipfs/${cid}${query}`,
      )
      const { body } = await respond({ ...ask, readAheadBytes: 0 }, new TypeMemory())
      if (typeof body !== 'object' || body instanceof Uint8Array) throw new Error('it is streamed')
      const chunks = body[Symbol.asyncIterator]()
      for (let taken = 0; taken < 2 * MIB; ) taken += (await chunks.next()).value?.byteLength ?? MIB
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(bytes).toBeLessThan(6 * MIB)
      await chunks.return?.()
    },
  )

  test('a few have all there is for one, and all together no more than the room', () => {
    const room = new ReadAheadRoom(16 * limits.readAheadBytes)
    const taken = Array.from({ length: 1000 }, () => room.take())
    expect(taken[7]?.bytes).toBe(limits.readAheadBytes)
    const sum = taken.reduce((bytes, one) => bytes + one.bytes, 0)
    expect(sum).toBeLessThanOrEqual(16 * limits.readAheadBytes)
    for (const one of taken) {
      one[Symbol.dispose]()
      one[Symbol.dispose]()
    }
    expect(room.take().bytes).toBe(limits.readAheadBytes)
  })
})

/** Sends one request and tells how the connection ended. */
async function endOf(gateway: TestGateway, request: string, seen: () => void): Promise<string> {
  const { socket } = await open(gateway.port)
  let end = 'closed'
  socket.on('error', (error: NodeJS.ErrnoException) => {
    end = error.code ?? 'error'
  })
  socket.once('data', seen)
  socket.write(request)
  await new Promise((resolve) => socket.once('close', resolve))
  return end
}

test.each(['car', 'tar'])('HTTP/1.0 has no end of a %s that is not whole', async (format) => {
  const gate = Promise.withResolvers<void>()
  const lost: CID[] = []
  await using gateway = await startTestGateway({
    session: (blocks) => ({
      ...blocks,
      get: async (cid, options) => {
        if (!lost.some((one) => one.equals(cid))) return await blocks.get(cid, options)
        await gate.promise
        throw new Error('the disk is gone')
      },
    }),
  })
  const content = noise(3 * MIB)
  const cid = await storeFile(gateway, content)
  lost.push(rawCid(content.subarray(2 * MIB)))
  const request = `GET /ipfs/${cid}?format=${format} HTTP/1.0\r\n\r\n`
  const letGo = () => setTimeout(gate.resolve, 300)
  expect(await endOf(gateway, request, letGo)).toBe('ECONNRESET')
})

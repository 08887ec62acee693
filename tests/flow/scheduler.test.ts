import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createStorageNode, type StorageNode } from '../../src/index.ts'
import { createStorageNode as openNode } from '../../src/node/storage-node.ts'
import { inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf } from '../support/failure.ts'

const STALL_MS = 100
const whole = noise(3 * MIB)

/** In memory, with one place unless it is told otherwise; by default nobody in it ever stands still. */
function open({ concurrency = 1, stallMs = 600_000 } = {}): Promise<StorageNode> {
  return openNode({ storage: 'memory', concurrency }, { stallMs })
}

/** A source that notes when it is read, and gives its text when its gate opens. */
function gated(text: string) {
  const gate = Promise.withResolvers<void>()
  let isRead = false
  async function* content(): AsyncGenerator<string> {
    isRead = true
    await gate.promise
    yield text
  }
  return { content: content(), open: () => gate.resolve(), isRead: () => isRead }
}

async function figures(node: StorageNode) {
  const text = await node.metrics.registry.metrics()
  const value = (name: string) =>
    Number(new RegExp(`^prsm_operations_${name} (\\d+)$`, 'm').exec(text)?.[1])
  return { running: value('running'), waiting: value('waiting') }
}

/** Begins a download and reads its first chunk. */
async function halfRead(node: StorageNode, cid: string): Promise<AsyncIterator<Uint8Array>> {
  const items = node.download(cid)[Symbol.asyncIterator]()
  expect((await items.next()).done).toBe(false)
  return items
}

async function through(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

describe('one place', () => {
  it('is had by one upload after the other: nothing of the next is read before', async () => {
    await using node = await open()
    const sources = ['a', 'b', 'c'].map(gated)
    const uploads = sources.map(({ content }) => node.upload(content))
    for (const [at, source] of sources.entries()) {
      await vi.waitFor(() => expect(source.isRead()).toBe(true))
      expect(sources.map(({ isRead }) => isRead())).toEqual(sources.map((_, one) => one <= at))
      expect(await figures(node)).toEqual({ running: 1, waiting: 2 - at })
      source.open()
      await uploads[at]
    }
    expect(await figures(node)).toEqual({ running: 0, waiting: 0 })
  })

  it('is had by each operation that moves content, and is waited for by each', async () => {
    await using node = await open()
    const { cid } = await node.upload({ entries: entries() })
    const file = `${cid}/a`
    const reads = await halfRead(node, file)
    const waiting = [
      node.upload('b'),
      codeOf(node.importCar(new Uint8Array())),
      node.download(file).bytes(),
      through(node.download(file)),
      through(node.walk(cid)),
      node.pin(cid),
      node.updatePin(cid, cid),
    ]
    expect(await figures(node)).toEqual({ running: 1, waiting: waiting.length })
    await reads.return?.()
    await Promise.all(waiting)
    expect(await figures(node)).toEqual({ running: 0, waiting: 0 })
  })

  it('is not needed to look', async () => {
    await using node = await open()
    const { cid } = await node.upload({ entries: entries() })
    await halfRead(node, `${cid}/a`)
    await node.stat(cid)
    await Promise.all([through(node.ls(cid)), through(node.pins()), through(node.verifyPins())])
    await Promise.all([node.list(), node.listPins(), node.repoStat(), node.status()])
    await node.unpin(cid)
    await node.collect()
  })

  it('is given back when an operation fails, and when a reader stops', async () => {
    await using node = await open()
    async function* failing(): AsyncGenerator<string> {
      yield 'a'
      throw new Error('dry')
    }
    expect(await codeOf(node.upload(failing()))).toBe('UPLOAD_INCOMPLETE')
    expect(await codeOf(node.download('no CID').bytes())).toBe('INVALID_CID')
    const { cid } = await node.upload(whole)
    for await (const _ of node.download(cid)) break
    const items = await halfRead(node, cid)
    await items.return?.()
    expect(await figures(node)).toEqual({ running: 0, waiting: 0 })
  })

  it('is not taken by what is never iterated', async () => {
    await using node = await open()
    const { cid } = await node.upload(whole)
    node.download(cid)
    node.download(cid)[Symbol.asyncIterator]()
    node.walk(cid)
    expect(await figures(node)).toEqual({ running: 0, waiting: 0 })
  })
})

describe('an operation in line', () => {
  it('leaves it at once when its signal says so, and the one behind moves up', async () => {
    await using node = await open()
    const first = gated('a')
    const running = node.upload(first.content)
    const controller = new AbortController()
    const second = gated('b')
    const aborted = codeOf(node.upload(second.content, { signal: controller.signal }))
    const third = node.upload('c')
    controller.abort()
    expect(await aborted).toBe('CANCELLED')
    expect(await figures(node)).toEqual({ running: 1, waiting: 1 })
    first.open()
    await Promise.all([running, third])
    expect(second.isRead()).toBe(false)
  })

  it('ends with NODE_CLOSED when the node closes', async () => {
    const node = await open()
    const { cid } = await node.upload(whole)
    const items = await halfRead(node, cid)
    const waiting = [
      node.upload('b'),
      node.upload('c', { signal: new AbortController().signal }),
      node.download(cid).bytes(),
      Promise.resolve(node.download(cid)[Symbol.asyncIterator]().next()),
    ].map(codeOf)
    await node.close()
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['NODE_CLOSED']))
    expect(await codeOf(Promise.resolve(items.next()))).toBe('NODE_CLOSED')
  })
})

describe('what stands still lets the next one in', () => {
  it('an upload whose source is a download of the same node ends', async () => {
    await using node = await open({ stallMs: STALL_MS })
    const { cid } = await node.upload(whole)
    const copy = await node.upload(node.download(cid), { filename: 'copy' })
    expect(copy.cid).toBe(cid)
    expect(await figures(node)).toEqual({ running: 0, waiting: 0 })
  })

  it('a reader that was dropped, and one that is slow, which goes on where it was', async () => {
    await using node = await open({ stallMs: STALL_MS })
    const { cid } = await node.upload(whole)
    await halfRead(node, cid)
    const slow = await halfRead(node, cid)
    expect(sameBytes(await node.download(cid).bytes(), whole)).toBe(true)
    const rest: Uint8Array[] = []
    for (let next = await slow.next(); !next.done; next = await slow.next()) rest.push(next.value)
    const read = Buffer.concat(rest)
    expect(sameBytes(read, whole.subarray(whole.length - read.length))).toBe(true)
    expect(await figures(node)).toEqual({ running: 1, waiting: 0 })
  })

  it('but nothing that moves, however slowly: bytes in, bytes out, the files of a folder', async () => {
    await using node = await open({ stallMs: 4 * STALL_MS })
    const { cid } = await node.upload({ entries: entries() })
    const slowly = async function* <T>(items: AsyncIterable<T>): AsyncGenerator<T> {
      for await (const item of items) {
        yield item
        await delay(1.5 * STALL_MS)
      }
    }
    const running = [
      () => node.upload(slowly(inPieces(noise(6), 1))),
      () => through(slowly(node.download(`${cid}/a`))),
      async () => {
        for await (const entry of node.walk(cid)) {
          if (entry.kind === 'file') await through(slowly(entry.content))
        }
      },
    ]
    for (const run of running) {
      const ended: string[] = []
      const slow = run().then(() => ended.push('slow'))
      await delay(10)
      const next = node.upload('next').then(() => ended.push('next'))
      await Promise.all([slow, next])
      expect(ended).toEqual(['slow', 'next'])
    }
  })
})

it.each([0, -1, 1.5, 10_001, Number.NaN])('concurrency %d is refused', async (concurrency) => {
  const opening = createStorageNode({ storage: 'memory', concurrency })
  expect(await codeOf(opening)).toBe('INVALID_INPUT')
})

async function* entries() {
  const content = noise(6 * MIB, 7)
  yield { kind: 'file', path: 'a', size: content.length, content: inPieces(content, MIB) } as const
}

it('a reader who stops while he waits in line leaves it at once', async () => {
  await using node = await open()
  const { cid } = await node.upload(whole)
  const first = gated('a')
  const running = node.upload(first.content)
  const chunks = node.download(cid)[Symbol.asyncIterator]()
  const next = chunks.next()
  expect(await figures(node)).toEqual({ running: 1, waiting: 1 })
  await chunks.return?.()
  expect(await next).toMatchObject({ done: true })
  expect(await figures(node)).toEqual({ running: 1, waiting: 0 })
  first.open()
  await running
})

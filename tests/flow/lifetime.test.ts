import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createFilePort } from '../../src/files/file-port.ts'
import { createStorageNode, type StorageNode } from '../../src/index.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { collected, inPieces, MIB, noise, sameBytes } from '../support/content.ts'
import { codeOf, failureOf } from '../support/failure.ts'
import { inventory } from '../support/inventory.ts'
import { openDescriptors, openFiles } from '../support/open-files.ts'

vi.setConfig({ testTimeout: 60_000 })

const whole = noise(3 * MIB)

describe('two nodes in one process', () => {
  it('have content, metrics and logs of their own', async () => {
    await using folder = await temporaryFolder()
    const lines: Record<'a' | 'b', string[]> = { a: [], b: [] }
    const open = (name: 'a' | 'b') =>
      createStorageNode({
        dataDir: join(folder.path, name),
        logger: createLogger(
          { level: 'info', components: {} },
          { destination: { write: (line) => lines[name].push(line) } },
        ),
      })
    await using a = await open('a')
    await using b = await open('b')
    const { cid } = await a.upload(whole, { filename: 'only in a' })
    expect(await codeOf(b.stat(cid))).toBe('CONTENT_NOT_FOUND')
    expect(a.metrics.registry).not.toBe(b.metrics.registry)
    const uploads = async (node: StorageNode) => {
      const text = await node.metrics.registry.metrics()
      return /^ipfs_operations_total\{operation="upload",status="ok"\} (\d+)/m.exec(text)?.[1]
    }
    expect([await uploads(a), await uploads(b)]).toEqual(['1', undefined])
    expect(lines.a.join('')).toContain('only in a')
    expect(lines.b.join('')).not.toContain('only in a')
    expect([a.dataDir, b.dataDir]).toEqual([join(folder.path, 'a'), join(folder.path, 'b')])
  })

  it('cannot have one folder, by whatever name: who has it is told', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    await mkdir(dataDir)
    await symlink(dataDir, join(folder.path, 'link'))
    await using holder = await createStorageNode({ dataDir, program: 'the holder' })
    for (const name of [dataDir, join(folder.path, 'link'), join(dataDir, '..', 'data', '.')]) {
      const failure = await failureOf(createStorageNode({ dataDir: name }))
      expect(failure.code).toBe('STORE_LOCKED')
      expect(failure.message).toContain(`the holder (process ${process.pid}`)
      expect(failure.details).toMatchObject({ holder: { pid: process.pid } })
    }
    const { cid } = await holder.upload(whole)
    await holder.close()
    await using next = await createStorageNode({ dataDir })
    expect(sameBytes(await next.download(cid).bytes(), whole)).toBe(true)
  })
})

describe('close', () => {
  it('can be called again and by many, and leaves nothing open', async () => {
    await using folder = await temporaryFolder()
    const node = await createStorageNode({ dataDir: folder.path })
    await node.upload(whole)
    await Promise.all([node.close(), node.close(), node[Symbol.asyncDispose]()])
    await node.close()
    expect(await openFiles(folder.path)).toEqual([])
    expect(await inventory(folder.path)).toMatchObject({ strays: [] })
  })

  it('ends uploads that run, also where the source is silent', async () => {
    await using folder = await temporaryFolder()
    const node = await createStorageNode({ dataDir: folder.path })
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield* inPieces(whole, MIB)
      await new Promise(() => {})
    }
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let seed = 1; ; seed += 1) yield noise(MIB, seed)
    }
    const uploads = [node.upload(silent()), node.upload(endless())].map(codeOf)
    const enough = async () => expect((await node.status()).blocks).toBeGreaterThan(3)
    await vi.waitFor(enough, { timeout: 20_000 })
    await node.close()
    expect(await Promise.all(uploads)).toEqual(['NODE_CLOSED', 'NODE_CLOSED'])
    const left = await inventory(folder.path)
    expect(left).toMatchObject({ roots: [], uploads: [], strays: [] })
    expect(left.files).toEqual(left.named)
  })

  it('ends what reads, wherever it stands', async () => {
    await using folder = await temporaryFolder()
    const node = await createStorageNode({ dataDir: folder.path })
    const { cid } = await node.upload(whole)
    const waiting = node.download(cid)[Symbol.asyncIterator]()
    await waiting.next()
    const racing = Array.from({ length: 20 }, () => node.download(cid).bytes())
    const codes = racing.map((bytes) =>
      bytes.then(
        () => 'read',
        ({ code }) => code,
      ),
    )
    await node.close()
    expect(await openFiles(folder.path)).toEqual([])
    expect(await codeOf(Promise.resolve(waiting.next()))).toBe('NODE_CLOSED')
    for (const code of await Promise.all(codes)) expect(['read', 'NODE_CLOSED']).toContain(code)
  })

  it('waits for the disk, however slow it is', async () => {
    await using folder = await temporaryFolder()
    let reads = 0
    const slow = createFilePort({
      before: ({ name, path }) => {
        if (name !== 'read' || !path.endsWith('.data')) return undefined
        reads += 1
        return delay(1000)
      },
    })
    const node = await createStorageNode({ dataDir: folder.path }, { files: slow })
    const { cid } = await node.upload(whole)
    const items = node.download(cid)[Symbol.asyncIterator]()
    const reading = codeOf(Promise.resolve(items.next()))
    await vi.waitFor(() => expect(reads).toBeGreaterThan(0))
    await node.close()
    expect(await openFiles(folder.path)).toEqual([])
    expect(await reading).toBe('NODE_CLOSED')
  })

  it('makes every later call NODE_CLOSED', async () => {
    await using folder = await temporaryFolder()
    const node = await createStorageNode({ dataDir: join(folder.path, 'data') })
    const { cid } = await node.upload('x')
    const open = node.download(cid)
    await node.close()
    const calls: Promise<unknown>[] = [
      node.upload('x'),
      open.bytes(),
      collected(open),
      node.download(cid).bytes(),
      collected(node.download(cid)),
      node.downloadTo(cid, join(folder.path, 'out')),
      node.stat(cid),
      Array.fromAsync(node.ls(cid)),
      Array.fromAsync(node.walk(cid)),
      node.list(),
      node.status(),
    ]
    expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => 'NODE_CLOSED'))
  })

  it('from inside an upload of its own does not lock up', async () => {
    const node = await createStorageNode({ storage: 'memory' })
    async function* closing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10)
      await node.close()
      yield new Uint8Array(10)
    }
    expect(await codeOf(node.upload(closing()))).toBe('NODE_CLOSED')
    await node.close()
  })
})

it('200 uploads and downloads, good and bad, leave no descriptor open', async () => {
  await using folder = await temporaryFolder()
  await using node = await createStorageNode({ dataDir: folder.path })
  async function one(seed: number): Promise<void> {
    const bytes = noise(100_000 + seed, seed)
    const { cid } = await node.upload(bytes)
    expect(sameBytes(await node.download(cid).bytes(), bytes)).toBe(true)
    const signal = AbortSignal.timeout(seed % 5)
    await node.upload(inPieces(noise(200_000, -seed), 1000), { signal }).catch(() => {})
    for await (const _ of node.download(cid)) break
  }
  await one(1)
  const before = await openDescriptors()
  for (let seed = 2; seed <= 50; seed += 1) await one(seed)
  await vi.waitFor(async () => expect(await openDescriptors()).toBeLessThanOrEqual(before))
})

it('a node that is not asked for anything possible says what it needs', async () => {
  for (const options of [{}, { dataDir: '' }]) {
    const failure = await failureOf(createStorageNode(options))
    expect(failure.code).toBe('INVALID_INPUT')
    expect(failure.hint).toContain('dataDir')
  }
})

import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { checksums } from '../../../src/core/checksums.ts'
import { createFilePort } from '../../../src/files/file-port.ts'
import { SummingThreads } from '../../../src/files/summing-threads.ts'
import { temporaryFolder } from '../../support/block-store.ts'

const content = randomBytes(1_000_000)

/** Memory of its own, which a read may move. */
function memory(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('binary')
}

/** The content in a file that is open for reading. */
async function openContent() {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const files = stack.use(createFilePort())
  const path = join(folder.path, 'file')
  await writeFile(path, content)
  const file = await files.open(path, 'r')
  const opened = stack.move()
  return { folder, files, file, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

const CRC = { segmentBytes: 65_536 }

describe('a read with its sum', () => {
  it('gives the bytes in the memory it was given, which is moved, and what they sum up to', async () => {
    await using open = await openContent()
    const { file } = open
    const buffer = memory(300_000)
    const whole = await file.readSummed({ sum: 'sha256', buffer, position: 5 })
    expect(Buffer.compare(whole.bytes, content.subarray(5, 300_005))).toBe(0)
    expect(whole.sum).toBe(sha256(content.subarray(5, 300_005)))
    expect(buffer.buffer.detached).toBe(true)
    const view = new Uint8Array(new ArrayBuffer(200_000), 1000, 150_000)
    const part = await file.readSummed({ sum: CRC, buffer: view, position: 65_536 })
    const wanted = content.subarray(65_536, 215_536)
    expect(Buffer.compare(part.bytes, wanted)).toBe(0)
    expect(part.bytes.buffer.byteLength).toBe(200_000)
    expect(part.sum).toBe(Buffer.from(checksums(wanted, 65_536)).toString('latin1'))
    await file.close()
  })

  it('sums up what is around, too, and gives what was asked for', async () => {
    await using open = await openContent()
    const { file } = open
    const to = { buffer: memory(1000), position: 70_000 }
    const read = await file.readSummed({ sum: CRC, ...to, before: 4464, after: 60_072 })
    expect(Buffer.compare(read.bytes, content.subarray(70_000, 71_000))).toBe(0)
    const around = content.subarray(65_536, 131_072)
    expect(read.sum).toBe(Buffer.from(checksums(around, 65_536)).toString('latin1'))
    const last = { buffer: memory(10), position: content.length - 10 }
    const end = await file.readSummed({ sum: 'sha256', ...last, before: 3, after: 5 })
    expect(end.sum).toBe(sha256(content.subarray(-13)))
    expect(Buffer.compare(end.bytes, content.subarray(-10))).toBe(0)
    await file.close()
  })

  it('has fewer bytes at the end of the file, and none behind it', async () => {
    await using open = await openContent()
    const { file } = open
    const end = await file.readSummed({
      sum: 'sha256',
      buffer: memory(100),
      position: content.length - 7,
    })
    expect(Buffer.compare(end.bytes, content.subarray(-7))).toBe(0)
    expect(end.sum).toBe(sha256(content.subarray(-7)))
    expect(
      (await file.readSummed({ sum: CRC, buffer: memory(100), position: content.length })).bytes,
    ).toHaveLength(0)
    expect((await file.readSummed({ sum: 'sha256', buffer: memory(0), position: 0 })).sum).toBe(
      sha256(memory(0)),
    )
    await file.close()
  })

  it('answers each of many at once with its own, whatever thread it went to', async () => {
    await using open = await openContent()
    const { file } = open
    const reads = Array.from({ length: 200 }, (_, index) => [index * 4000, 1000 + index * 900])
    await Promise.all(
      reads.map(async ([at = 0, length = 0]) => {
        const { bytes, sum } = await file.readSummed({
          sum: 'sha256',
          buffer: memory(length),
          position: at,
        })
        expect(sum).toBe(sha256(content.subarray(at, at + length)))
        expect(Buffer.compare(bytes, content.subarray(at, at + length))).toBe(0)
      }),
    )
    await file.close()
  })

  it('fails with the error of the system, and those beside it do not', async () => {
    await using open = await openContent()
    const { file } = open
    const directory = await open.files.open(open.folder.path, 'r')
    const [failed, read] = await Promise.allSettled([
      directory.readSummed({ sum: CRC, buffer: memory(10), position: 0 }),
      file.readSummed({ sum: CRC, buffer: memory(10), position: 0 }),
    ])
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'EISDIR' } })
    expect(read.status).toBe('fulfilled')
    await Promise.all([file.close(), directory.close()])
  })
})

describe('a write with its sum', () => {
  it.each([
    ['copied', (bytes: Uint8Array) => bytes],
    ['shared', shared],
  ])('writes bytes that are %s, which stay as they are', async (_name, bytesOf) => {
    await using folder = await temporaryFolder()
    await using files = createFilePort()
    const path = join(folder.path, 'file')
    const file = await files.open(path, 'wx')
    const bytes = bytesOf(content)
    const sums = await file.writeSummed(bytes, CRC)
    await file.close()
    expect(Buffer.compare(sums, checksums(content, 65_536))).toBe(0)
    expect(Buffer.compare(await readFile(path), content)).toBe(0)
    expect(bytes.byteLength).toBe(content.byteLength)
  })

  it('fails with the error of the system', async () => {
    await using folder = await temporaryFolder()
    await using files = createFilePort()
    const path = join(folder.path, 'file')
    await writeFile(path, 'x')
    const file = await files.open(path, 'r')
    await expect(file.writeSummed(content, CRC)).rejects.toMatchObject({ code: 'EBADF' })
    await file.close()
  })
})

it('threads that ended are started anew', async () => {
  await using open = await openContent()
  const { file } = open
  await file.readSummed({ sum: CRC, buffer: memory(10), position: 0 })
  await open.files[Symbol.asyncDispose]()
  expect((await file.readSummed({ sum: CRC, buffer: memory(10), position: 0 })).bytes).toHaveLength(
    10,
  )
  await file.close()
})

it('what a thread had to do when it ended is told, and not waited for', async () => {
  const threads = new SummingThreads()
  const where = { file: -1, position: 0, bytes: memory(10), before: 0, after: 0 }
  const lost = threads.run({ kind: 'read', ...where, ...CRC })
  await threads[Symbol.asyncDispose]()
  await expect(lost).rejects.toThrow(/ended/)
})

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  copy.set(bytes)
  return copy
}

it('memory that cannot be moved is told, and those beside it are read', async () => {
  await using open = await openContent()
  const { file } = open
  const twice = memory(10)
  const read = (buffer: Uint8Array<ArrayBuffer>) =>
    file.readSummed({ sum: CRC, buffer, position: 0 })
  const results = await Promise.allSettled([read(twice), read(twice), read(memory(20))])
  expect(results[1]).toMatchObject({ status: 'rejected' })
  expect(results[2]).toMatchObject({ status: 'fulfilled' })
  await file.close()
})

it('a view of larger memory is written as it is', async () => {
  await using folder = await temporaryFolder()
  await using files = createFilePort()
  const path = join(folder.path, 'file')
  const file = await files.open(path, 'wx')
  const view = content.subarray(1000, 200_000)
  expect(Buffer.compare(await file.writeSummed(view, CRC), checksums(view, 65_536))).toBe(0)
  await file.close()
  expect(Buffer.compare(await readFile(path), view)).toBe(0)
})

it('what is asked for in one turn is answered as it is done, not when all is', async () => {
  await using open = await openContent()
  const { file } = open
  await file.readSummed({ sum: CRC, buffer: memory(10), position: 0 })
  const answers: number[] = []
  const turns: number[] = []
  let turn = 0
  const ticking = setInterval(() => {
    turn += 1
  }, 0)
  await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      await file.readSummed({ sum: 'sha256', buffer: memory(900_000), position: 0 })
      answers.push(index)
      turns.push(turn)
    }),
  )
  clearInterval(ticking)
  expect(answers).toHaveLength(40)
  expect(new Set(turns).size).toBeGreaterThan(3)
  await file.close()
})

it('a process that has read ends by itself', async () => {
  const port = new URL('../../../src/files/file-port.ts', import.meta.url).href
  const program = `
    const { createFilePort } = await import(${JSON.stringify(port)})
    const file = await createFilePort().open(${JSON.stringify(import.meta.filename)}, 'r')
    const read = await file.readSummed({ sum: 'sha256', buffer: new Uint8Array(10), position: 0 })
    console.log(read.bytes.byteLength)`
  const begun = performance.now()
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...['--input-type=module', '--eval', program],
  ])
  expect(stdout.trim()).toBe('10')
  expect(performance.now() - begun).toBeLessThan(9_000)
})

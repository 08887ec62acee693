import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createFilePort } from '../../../src/files/file-port.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prsm-port-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('writes, reads and counts', async () => {
  const files = createFilePort()
  const path = join(folder, 'a')
  const file = await files.open(path, 'wx')
  await file.write(Buffer.from('hello world'), 0)
  await file.write(Buffer.from('W'), 6)
  await file.datasync()
  expect(await file.size()).toBe(11)
  await file.close()
  expect(await readFile(path, 'utf8')).toBe('hello World')

  const again = await files.open(path, 'r')
  const buffer = new Uint8Array(100)
  expect(await again.read(buffer, 6)).toBe(5)
  expect(Buffer.from(buffer.subarray(0, 5)).toString()).toBe('World')
  expect(await again.read(buffer, 11)).toBe(0)
  await again.close()
  expect(files.operations).toBe(10)
})

test('writes only a view of a larger buffer', async () => {
  const files = createFilePort()
  const file = await files.open(join(folder, 'a'), 'w')
  await file.write(new Uint8Array(Buffer.from('abcdef').buffer.slice(0)).subarray(0, 0), 0)
  await file.write(Buffer.from('abcdef').subarray(2, 4), 0)
  await file.close()
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('cd')
})

test('files and folders are for their owner only', async () => {
  const files = createFilePort()
  expect(await files.mkdir(join(folder, 'd'))).toBe(true)
  expect(await files.mkdir(join(folder, 'd'))).toBe(false)
  await (await files.open(join(folder, 'd/f'), 'w')).close()
  expect((await stat(join(folder, 'd'))).mode & 0o777).toBe(0o700)
  expect((await stat(join(folder, 'd/f'))).mode & 0o777).toBe(0o600)
})

test('names: list, rename, unlink, size, sync', async () => {
  const files = createFilePort()
  await writeFile(join(folder, 'a'), 'xyz')
  expect(await files.size(join(folder, 'a'))).toBe(3)
  await files.rename(join(folder, 'a'), join(folder, 'b'))
  expect(await files.list(folder)).toEqual(['b'])
  await files.unlink(join(folder, 'b'))
  expect(await files.list(folder)).toEqual([])
  await files.syncDirectory(folder)
})

test('errors of the system pass as they are', async () => {
  const files = createFilePort()
  const missing = join(folder, 'none/x')
  await expect(files.open(missing, 'r')).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.mkdir(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.unlink(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.rename(missing, folder)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.list(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.size(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(files.syncDirectory(missing)).rejects.toMatchObject({ code: 'ENOENT' })
  await writeFile(join(folder, 'a'), '')
  await expect(files.open(join(folder, 'a'), 'wx')).rejects.toMatchObject({ code: 'EEXIST' })
})

test('whoever looks sees each operation in order and can make it fail', async () => {
  const seen: string[] = []
  const full = Object.assign(new Error('full'), { code: 'ENOSPC' })
  const files = createFilePort({
    before: ({ number, name, path }) => {
      seen.push(`${number} ${name} ${path.slice(folder.length)}`)
      if (number === 2) return full
      if (number === 3) throw full
      if (number === 4) return Promise.reject(full)
      return undefined
    },
  })
  const file = await files.open(join(folder, 'a'), 'wx')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(file.write(Buffer.from('x'), 0)).rejects.toBe(full)
  }
  expect(await file.size()).toBe(0)
  await file.close()
  expect(seen).toEqual([
    '1 open /a',
    '2 write /a',
    '3 write /a',
    '4 write /a',
    '5 size /a',
    '6 close /a',
  ])
})

import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readSmallFile } from '../../../src/files/read-small.ts'
import { type LocalFolder, openLocal } from '../../../src/files/walk.ts'
import { all, collect, expectCode, plain, run, temporaryFolder, unprivileged } from './fixtures.ts'

async function openFolder(path: string, dereference = false): Promise<LocalFolder> {
  const local = await openLocal(path, { dereference })
  if (local.kind !== 'directory') throw new Error('expected a folder')
  return local
}

test('a file is read whole, in pieces that stay as they are', async () => {
  await using at = await temporaryFolder()
  const bytes = Buffer.alloc(3_500_000, 'abcdefg')
  await writeFile(join(at.path, 'm.bin'), bytes)
  const local = await openLocal(join(at.path, 'm.bin'))
  if (local.kind !== 'file') throw new Error('expected a file')
  expect(local).toMatchObject({ name: 'm.bin', bytes: 3_500_000 })
  const pieces = await all(local.content)
  expect(pieces.map((piece) => piece.length)).toEqual([1 << 20, 1 << 20, 1 << 20, 354_272])
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
  expect((await collect(local.content)).equals(bytes)).toBe(true)
})

test('an empty file has no bytes', async () => {
  await using at = await temporaryFolder()
  await writeFile(join(at.path, 'empty'), '')
  const local = await openLocal(join(at.path, 'empty'))
  if (local.kind !== 'file') throw new Error('expected a file')
  expect(await all(local.content)).toEqual([])
})

test('a folder comes in the order of its bytes, with hidden files and empty folders', async () => {
  await using at = await temporaryFolder()
  const root = join(at.path, 'set')
  await mkdir(join(root, 'b/deep'), { recursive: true })
  await mkdir(join(root, 'empty'))
  for (const name of [
    'ö',
    'a.txt',
    'B',
    '.hidden',
    'b/deep/x',
    'b.txt',
    'new\nline',
    'back\\slash',
  ]) {
    await writeFile(join(root, name), name)
  }
  const local = await openFolder(root)
  expect(local).toMatchObject({ name: 'set', entryCount: 11 })
  expect(local.bytesTotal).toBe(46)
  const seen = await plain(local.entries)
  expect(seen.map(([path]) => path)).toEqual([
    '.hidden',
    'B',
    'a.txt',
    'b',
    'b/deep',
    'b/deep/x',
    'b.txt',
    'back\\slash',
    'empty',
    'new\nline',
    'ö',
  ])
  expect(seen.find(([path]) => path === 'b/deep/x')?.[1]).toBe('b/deep/x')
  expect(seen.find(([path]) => path === 'empty')?.[1]).toBeNull()
})

test('a trailing slash and a relative path name the folder all the same', async () => {
  await using at = await temporaryFolder()
  await mkdir(join(at.path, 'set'))
  expect((await openLocal(`${at.path}/x/../set/`)).name).toBe('set')
})

describe('links', () => {
  test('are refused with their name and a hint', async () => {
    await using at = await temporaryFolder()
    await mkdir(join(at.path, 'set'))
    await symlink('elsewhere', join(at.path, 'set/link'))
    await expectCode(
      openLocal(join(at.path, 'set')),
      'UNSUPPORTED_ENTRY',
      join(at.path, 'set/link'),
    )
    await expect(openLocal(join(at.path, 'set/link'))).rejects.toMatchObject({
      code: 'UNSUPPORTED_ENTRY',
      hint: expect.stringContaining('--dereference'),
    })
  })

  test('are followed with dereference, out of the folder too', async () => {
    await using at = await temporaryFolder()
    await mkdir(join(at.path, 'blobs/inner'), { recursive: true })
    await writeFile(join(at.path, 'blobs/abc'), 'weights')
    await writeFile(join(at.path, 'blobs/inner/y'), 'y')
    await mkdir(join(at.path, 'snapshot'))
    await symlink('../blobs/abc', join(at.path, 'snapshot/model.bin'))
    await symlink('../blobs/inner', join(at.path, 'snapshot/one'))
    await symlink('../blobs/inner', join(at.path, 'snapshot/two'))
    const { entries, bytesTotal } = await openFolder(join(at.path, 'snapshot'), true)
    expect(bytesTotal).toBe(9)
    expect(await plain(entries)).toEqual([
      ['model.bin', 'weights'],
      ['one', null],
      ['one/y', 'y'],
      ['two', null],
      ['two/y', 'y'],
    ])
  })

  test('that lead into a circle or nowhere are named', async () => {
    await using at = await temporaryFolder()
    await mkdir(join(at.path, 'circle/in'), { recursive: true })
    await symlink('..', join(at.path, 'circle/in/up'))
    await expectCode(openFolder(join(at.path, 'circle'), true), 'UNSUPPORTED_ENTRY', 'circle/in/up')
    await symlink('self', join(at.path, 'self'))
    await expectCode(
      openLocal(join(at.path, 'self'), { dereference: true }),
      'UNSUPPORTED_ENTRY',
      'self',
    )
    await mkdir(join(at.path, 'dangling'))
    await symlink('nowhere', join(at.path, 'dangling/link'))
    await expectCode(openFolder(join(at.path, 'dangling'), true), 'FILE_NOT_FOUND', 'dangling/link')
  })

  test('that take the place of a file after the walk are not followed', async () => {
    await using at = await temporaryFolder()
    await mkdir(join(at.path, 'set'))
    // Too large to be read ahead.
    await writeFile(join(at.path, 'set/a'), 'a'.repeat(100_000))
    await writeFile(join(at.path, 'secret'), 's')
    const { entries } = await openFolder(join(at.path, 'set'))
    const work = (async () => {
      for await (const entry of entries) {
        await run('ln', ['-sf', '../secret', join(at.path, 'set/a')])
        if (entry.kind === 'file') await collect(entry.content)
      }
    })()
    await expectCode(work, 'UNSUPPORTED_ENTRY', 'set/a')
  })
})

describe('small files', () => {
  test('are read with those beside them, however many there are', async () => {
    await using at = await temporaryFolder()
    const names = Array.from({ length: 100 }, (_, index) => `f${100 + index}`)
    for (const name of names) await writeFile(join(at.path, name), name.repeat(10_000))
    await writeFile(join(at.path, 'empty'), '')
    const { entries } = await openFolder(at.path)
    const found: [string, string][] = []
    for await (const entry of entries) {
      if (entry.kind !== 'file') throw new Error('there are files only')
      found.push([entry.path, (await collect(entry.content)).toString()])
    }
    expect(found[0]).toEqual(['empty', ''])
    expect(found.slice(1)).toEqual(names.map((name) => [name, name.repeat(10_000)]))
  })

  test('that are not what they were when they were listed are told', async () => {
    await using at = await temporaryFolder()
    const path = join(at.path, 'a')
    await writeFile(path, 'short')
    const read = (file: string, bytes: number) =>
      readSmallFile({ path: file, bytes, dereference: false })
    await expectCode(read(path, 100), 'UPLOAD_INCOMPLETE', path)
    expect(Buffer.from(await read(path, 3)).toString()).toBe('sho')
    await symlink('a', join(at.path, 'link'))
    await expectCode(read(join(at.path, 'link'), 5), 'UNSUPPORTED_ENTRY', 'link')
    await expectCode(read(at.path, 5), 'UNSUPPORTED_ENTRY', at.path)
    await expectCode(read(join(at.path, 'gone'), 5), 'FILE_NOT_FOUND', 'gone')
  })
})

describe('what cannot be stored', () => {
  test('a pipe, a socket, a device', async () => {
    await using at = await temporaryFolder()
    mkdirSync(join(at.path, 'p'))
    await run('mkfifo', [join(at.path, 'p/pipe')])
    await expectCode(openLocal(join(at.path, 'p')), 'UNSUPPORTED_ENTRY', 'p/pipe is a named pipe')
    const server = createServer()
    const socket = join(at.path, 'socket')
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    await expectCode(openLocal(socket), 'UNSUPPORTED_ENTRY', 'is a socket')
    await new Promise((resolve) => server.close(resolve))
    await expectCode(openLocal('/dev/null'), 'UNSUPPORTED_ENTRY', '/dev/null is a device')
  })

  test('what is missing, or below a file', async () => {
    await using at = await temporaryFolder()
    await expectCode(openLocal(join(at.path, 'none')), 'FILE_NOT_FOUND', 'none')
    writeFileSync(join(at.path, 'f'), '')
    await expectCode(openLocal(join(at.path, 'f/below')), 'FILE_NOT_FOUND', 'f/below')
  })

  test('a name that is not UTF-8', async () => {
    await using at = await temporaryFolder()
    await writeFile(Buffer.concat([Buffer.from(`${at.path}/caf`), Buffer.from([0xe9])]), 'x')
    await expectCode(openLocal(at.path), 'UNSUPPORTED_ENTRY', 'café')
  })

  test('what permissions forbid', async () => {
    await using at = await temporaryFolder()
    await mkdir(join(at.path, 'open/shut'), { recursive: true })
    await writeFile(join(at.path, 'open/file'), 'x')
    await chmod(join(at.path, 'open/shut'), 0)
    await chmod(join(at.path, 'open/file'), 0)
    await chmod(at.path, 0o755)
    await unprivileged(async () => {
      await expectCode(openLocal(join(at.path, 'open')), 'FILE_UNREADABLE', 'open/shut')
      const local = await openLocal(join(at.path, 'open/file'))
      if (local.kind !== 'file') throw new Error('expected a file')
      await expectCode(collect(local.content), 'FILE_UNREADABLE', 'open/file')
    })
  })
})

test('a file that gets shorter while it is read is an error, one that grows is read as it was', async () => {
  await using at = await temporaryFolder()
  const path = join(at.path, 'log')
  writeFileSync(path, Buffer.alloc(3 << 20))
  const shrinking = await openLocal(path)
  if (shrinking.kind !== 'file') throw new Error('expected a file')
  const work = (async () => {
    for await (const _piece of shrinking.content) truncateSync(path, 100)
  })()
  await expectCode(work, 'UPLOAD_INCOMPLETE', path)
  const growing = await openLocal(path)
  writeFileSync(path, Buffer.alloc(200))
  if (growing.kind !== 'file') throw new Error('expected a file')
  expect((await collect(growing.content)).length).toBe(100)
})

test('a consumer that stops leaves no open file', async () => {
  await using at = await temporaryFolder()
  writeFileSync(join(at.path, 'a'), Buffer.alloc(5 << 20))
  const local = await openLocal(join(at.path, 'a'))
  if (local.kind !== 'file') throw new Error('expected a file')
  for await (const _piece of local.content) break
  const { stdout } = await run('ls', ['-l', `/proc/${process.pid}/fd`])
  expect(stdout).not.toContain(at.path)
})

test('an aborted walk is cancelled', async () => {
  await using at = await temporaryFolder()
  mkdirSync(join(at.path, 'x'))
  symlinkSync('x', join(at.path, 'never-reached'))
  await expectCode(openLocal(at.path, { signal: AbortSignal.abort() }), 'CANCELLED')
})

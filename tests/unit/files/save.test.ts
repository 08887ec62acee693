import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fileError } from '../../../src/files/file-error.ts'
import { saveFile, saveFolder } from '../../../src/files/save.ts'
import { openLocal } from '../../../src/files/walk.ts'
import {
  entriesOf,
  expectCode,
  file,
  folder,
  plain,
  stream,
  temporaryFolder,
  unprivileged,
} from './fixtures.ts'

const MIB = 1 << 20

async function* endless(): AsyncGenerator<Uint8Array> {
  while (true) {
    await new Promise((resolve) => setImmediate(resolve))
    yield Buffer.alloc(64 * 1024)
  }
}

async function* stuckAfter(piece: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(piece)
  await new Promise(() => {})
}

describe('saveFile', () => {
  test('writes every byte in its place, whatever the sizes of the pieces', async () => {
    await using at = await temporaryFolder()
    const sizes = [0, 1, 100, MIB, 3 * MIB + 5, 65_536, 65_536, 7, 70 * MIB, 1]
    const pieces = sizes.map((size, index) => Buffer.alloc(size, `piece ${index}`))
    const bytes = await saveFile(join(at.path, 'out'), stream(...pieces))
    expect(bytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
    expect(readFileSync(join(at.path, 'out')).equals(Buffer.concat(pieces))).toBe(true)
    expect(readdirSync(at.path)).toEqual(['out'])
  })

  test('an empty file is a file, with the mode new files have', async () => {
    await using at = await temporaryFolder()
    expect(await saveFile(join(at.path, 'out'), stream())).toBe(0)
    writeFileSync(join(at.path, 'other'), '')
    expect(statSync(join(at.path, 'out')).mode).toBe(statSync(join(at.path, 'other')).mode)
    expect(statSync(join(at.path, 'out')).nlink).toBe(1)
  })

  test('replaces nothing: no file, no link, no folder, not even one made meanwhile', async () => {
    await using at = await temporaryFolder()
    writeFileSync(join(at.path, 'file'), 'mine')
    symlinkSync('nowhere', join(at.path, 'link'))
    mkdirSync(join(at.path, 'folder'))
    for (const name of ['file', 'link', 'folder']) {
      await expectCode(
        saveFile(join(at.path, name), stream('x')),
        'FILE_UNWRITABLE',
        'exists already',
      )
    }
    async function* slow() {
      yield* stream('x')
      writeFileSync(join(at.path, 'late'), 'mine')
    }
    await expectCode(
      saveFile(join(at.path, 'late'), slow()),
      'FILE_UNWRITABLE',
      'late exists already',
    )
    expect(readFileSync(join(at.path, 'late'), 'utf8')).toBe('mine')
    expect(readdirSync(at.path).sort()).toEqual(['file', 'folder', 'late', 'link'])
  })

  test('a missing folder, a file for a folder, a folder one may not write to', async () => {
    await using at = await temporaryFolder()
    await expectCode(saveFile(join(at.path, 'no/out'), stream('x')), 'FILE_NOT_FOUND', 'no')
    writeFileSync(join(at.path, 'f'), '')
    await expectCode(saveFile(join(at.path, 'f/out'), stream('x')), 'FILE_NOT_FOUND', 'f/out')
    await chmod(at.path, 0o755)
    await unprivileged(async () => {
      await expectCode(saveFile(join(at.path, 'out'), stream('x')), 'FILE_UNWRITABLE', 'out')
    })
  })

  test('leaves nothing when the content fails or the caller cancels, also when the content is stuck', async () => {
    await using at = await temporaryFolder()
    async function* failing() {
      yield* stream('some bytes')
      throw new Error('the source broke')
    }
    await expect(saveFile(join(at.path, 'a'), failing())).rejects.toThrow('the source broke')
    for (const source of [endless(), stuckAfter('some')]) {
      const signal = AbortSignal.timeout(50)
      await expectCode(saveFile(join(at.path, 'b'), source, { signal }), 'CANCELLED')
    }
    const aborted = { signal: AbortSignal.abort() }
    await expectCode(saveFile(join(at.path, 'c'), endless(), aborted), 'CANCELLED')
    expect(readdirSync(at.path)).toEqual([])
  })

  test('a full disk, a quota and a read-only disk have their codes', () => {
    const system = (code: string) => Object.assign(new Error(code), { code })
    const codes = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].map(
      (code) => (fileError(system(code), '/x', 'write') as Error & { code: string }).code,
    )
    expect(codes).toEqual(['STORAGE_FULL', 'STORAGE_FULL', 'FILE_UNWRITABLE', 'STORAGE_IO'])
  })
})

describe('saveFolder', () => {
  test('is what a walk of it gives', async () => {
    await using at = await temporaryFolder()
    const entries = entriesOf(
      file('.hidden', 'h'),
      folder('a'),
      file('a/big', 'x'.repeat(3 * MIB)),
      folder('a/empty'),
      file('implied/deep/file', 'f'),
      file('new\nline', ''),
    )
    const saved = await saveFolder(join(at.path, 'out'), entries)
    expect(saved).toEqual({ files: 4, bytes: 3 * MIB + 2 })
    const local = await openLocal(join(at.path, 'out'))
    if (local.kind !== 'directory') throw new Error('expected a folder')
    expect(await plain(local.entries)).toEqual([
      ['.hidden', 'h'],
      ['a', null],
      ['a/big', 'x'.repeat(3 * MIB)],
      ['a/empty', null],
      ['implied', null],
      ['implied/deep', null],
      ['implied/deep/file', 'f'],
      ['new\nline', ''],
    ])
    expect(readdirSync(at.path)).toEqual(['out'])
  })

  test('an empty folder', async () => {
    await using at = await temporaryFolder()
    expect(await saveFolder(join(at.path, 'out'), entriesOf())).toEqual({ files: 0, bytes: 0 })
    expect((await stat(join(at.path, 'out'))).isDirectory()).toBe(true)
  })

  test('many small files', async () => {
    await using at = await temporaryFolder()
    const many = Array.from({ length: 500 }, (_, index) =>
      file(`d${index % 7}/f${index}`, `${index}`),
    )
    const saved = await saveFolder(join(at.path, 'out'), entriesOf(...many))
    expect(saved.files).toBe(500)
    expect(readFileSync(join(at.path, 'out/d3/f10'), 'utf8')).toBe('10')
  })

  test.each([
    '../out',
    '/etc/x',
    'a/../b',
    '',
    'a//b',
    './a',
    'a\0b',
    'n'.repeat(256),
    `${'d/'.repeat(300)}x`,
  ])('refuses the name %j and leaves nothing', async (path) => {
    await using at = await temporaryFolder()
    mkdirSync(join(at.path, 'in'))
    const entries = entriesOf(file('good', 'x'), file(path, 'bad'))
    await expectCode(saveFolder(join(at.path, 'in/out'), entries), 'UNSUPPORTED_ENTRY')
    expect(readdirSync(at.path)).toEqual(['in'])
    expect(readdirSync(join(at.path, 'in'))).toEqual([])
  })

  test('refuses an entry that comes twice, as a file or as a folder', async () => {
    await using at = await temporaryFolder()
    for (const entries of [
      entriesOf(file('a', '1'), file('a', '2')),
      entriesOf(file('a', '1'), folder('a')),
      entriesOf(file('a', '1'), file('a/b', '2')),
      entriesOf(folder('a'), file('a', '2')),
    ]) {
      await expectCode(saveFolder(join(at.path, 'out'), entries), 'INVALID_INPUT', 'twice')
    }
    expect(readdirSync(at.path)).toEqual([])
  })

  test('replaces nothing and leaves nothing when it fails or is cancelled', async () => {
    await using at = await temporaryFolder()
    mkdirSync(join(at.path, 'there'))
    await expectCode(
      saveFolder(join(at.path, 'there'), entriesOf()),
      'FILE_UNWRITABLE',
      'exists already',
    )
    const stuck = entriesOf(file('a', 'a'), {
      kind: 'file',
      path: 'b',
      size: 9,
      content: stuckAfter('b'),
    })
    const signal = AbortSignal.timeout(100)
    await expectCode(saveFolder(join(at.path, 'out'), stuck, { signal }), 'CANCELLED')
    expect(readdirSync(at.path)).toEqual(['there'])
  })
})

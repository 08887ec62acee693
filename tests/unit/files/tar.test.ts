import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { link, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { extract, type Header, type Pack, pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import type { FolderEntry } from '../../../src/core/content.ts'
import { isPrsmError } from '../../../src/core/errors.ts'
import { saveFile, saveFolder } from '../../../src/files/save.ts'
import { packTar, unpackTar } from '../../../src/files/tar.ts'
import { encodeHeader } from '../../../src/files/tar-header.ts'
import { openLocal } from '../../../src/files/walk.ts'
import {
  all,
  collect,
  entriesOf,
  expectCode,
  file,
  folder,
  plain,
  run,
  stream,
  temporaryFolder,
} from './fixtures.ts'

const awkward = [
  'plain.txt',
  '.hidden',
  'ünïcödé/模型.bin',
  'new\nline',
  'back\\slash',
  ' spaces and \t tabs ',
  `${'long-name-'.repeat(25)}`,
  `${'deep/'.repeat(100)}end`,
  `${'x'.repeat(100)}`,
  `${'y'.repeat(101)}`,
  '\u{fffd}',
  '-dash',
]

/** A tar archive in pieces of `size` bytes. */
async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await Promise.resolve()
    yield bytes.subarray(at, at + size)
  }
}

/** tar-stream's own types do not say that its streams can be iterated. */
function bytesOf(archive: Pack): Promise<Buffer> {
  return collect(archive as unknown as AsyncIterable<Uint8Array>)
}

/** An archive of one member made by tar-stream, with headers of our choice. */
async function archiveOf(
  header: Partial<Header> & { name: string },
  content = '',
): Promise<Buffer> {
  const archive = pack()
  archive.entry(header, content)
  archive.finalize()
  return await bytesOf(archive)
}

async function unpacked(bytes: Uint8Array): Promise<[string, string | null][]> {
  return await plain(unpackTar(inPieces(bytes, 10_000)))
}

describe('packTar', () => {
  test('is read by GNU tar, names and all', async () => {
    await using at = await temporaryFolder()
    const entries = [folder('empty folder'), ...awkward.map((path) => file(path, `in ${path}`))]
    await saveFile(join(at.path, 'a.tar'), packTar(entriesOf(...entries)))
    mkdirSync(join(at.path, 'out'))
    await run('tar', ['-xf', join(at.path, 'a.tar'), '-C', join(at.path, 'out')])
    const local = await openLocal(join(at.path, 'out'))
    if (local.kind !== 'directory') throw new Error('expected a folder')
    const seen = new Map(await plain(local.entries))
    expect(seen.get('empty folder')).toBeNull()
    for (const path of awkward) {
      expect(seen.get(path)).toBe(Buffer.from(`in ${path}`).toString('latin1'))
    }
  })

  test('is read by tar-stream', async () => {
    const archive = Readable.from(packTar(entriesOf(...awkward.map((path) => file(path, path)))))
    const names: (string | undefined)[] = []
    for await (const entry of archive.pipe(extract())) {
      names.push(entry.header.name)
      entry.resume()
    }
    expect(names).toEqual(awkward)
  })

  test('is the same archive for the same entries, in pieces worth sending', async () => {
    const many = () => entriesOf(...Array.from({ length: 1000 }, (_, i) => file(`f${i}`, `${i}`)))
    const pieces = await all(packTar(many()))
    expect(pieces.length).toBeLessThan(25)
    expect((await collect(packTar(many()))).equals(Buffer.concat(pieces))).toBe(true)
  })

  test('a file that is shorter or longer than its entry says is an error', async () => {
    for (const size of [2, 4]) {
      const entry: FolderEntry = { kind: 'file', path: 'f', size, content: stream('abc') }
      await expectCode(collect(packTar(entriesOf(entry))), 'UPLOAD_INCOMPLETE', 'f changed')
    }
  })

  test('never writes a name that leads out', async () => {
    await expectCode(collect(packTar(entriesOf(file('../up', '')))), 'UNSUPPORTED_ENTRY', '../up')
  })

  test('a size above 8 GiB goes into a pax header, which GNU tar reads', async () => {
    await using at = await temporaryFolder()
    const size = 2 ** 33 + 5
    const header = encodeHeader('huge', '0', size)
    writeFileSync(join(at.path, 'a.tar'), header)
    const listed = await run('tar', ['-tvf', join(at.path, 'a.tar')]).catch((cut) => cut)
    expect(listed.stdout).toContain(` ${size} 1970`)
    const first = await unpackTar(stream(header)).next()
    expect(first.value).toMatchObject({ path: 'huge', size })
  })
})

describe('unpackTar', () => {
  test.each(['gnu', 'pax', 'ustar', 'v7', 'oldgnu'])(
    'reads what `tar --format=%s` makes',
    async (format) => {
      await using at = await temporaryFolder()
      const short = ['.hidden', 'a/b.txt', 'new\nline', 'back\\slash', 'é.txt', 'big']
      const long = format === 'gnu' || format === 'pax' ? awkward : []
      const entries = [
        folder('empty'),
        ...short.map((path) => file(path, path.repeat(999))),
        ...long.map((path) => file(path, path)),
      ]
      await saveFolder(
        join(at.path, 'in'),
        entriesOf(
          ...entries.filter(
            (entry, index) => entries.findIndex(({ path }) => path === entry.path) === index,
          ),
        ),
      )
      const make = [
        '-cf',
        join(at.path, 'a.tar'),
        `--format=${format}`,
        '-C',
        join(at.path, 'in'),
        '.',
      ]
      await run('tar', make)
      const archive = await openLocal(join(at.path, 'a.tar'))
      const local = await openLocal(join(at.path, 'in'))
      if (archive.kind !== 'file' || local.kind !== 'directory') throw new Error('unexpected')
      const seen = await plain(unpackTar(archive.content))
      expect(new Map(seen)).toEqual(new Map(await plain(local.entries)))
      expect(seen.length).toBe(local.entryCount)
    },
  )

  test('gives back what packTar took, in pieces of any size', async () => {
    const entry = fc.record({
      path: fc.stringMatching(/^[a-z\n\\é]{1,120}$/u),
      content: fc.uint8Array({ maxLength: 3000 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(entry, { maxLength: 8 }),
        fc.integer({ min: 1, max: 2000 }),
        async (list, size) => {
          const bytes = await collect(
            packTar(entriesOf(...list.map(({ path, content }) => file(path, content)))),
          )
          expect(await plain(unpackTar(inPieces(bytes, size)))).toEqual(
            list.map(({ path, content }) => [path, Buffer.from(content).toString('latin1')]),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  test('content that nobody reads, or reads in part, is skipped', async () => {
    const bytes = await collect(
      packTar(entriesOf(file('a', 'a'.repeat(5000)), file('b', 'b'.repeat(5000)), file('c', 'c'))),
    )
    const paths: string[] = []
    for await (const entry of unpackTar(inPieces(bytes, 700))) {
      paths.push(entry.path)
      if (entry.kind === 'file' && entry.path === 'b')
        for await (const _piece of entry.content) break
    }
    expect(paths).toEqual(['a', 'b', 'c'])
  })

  test('an archive that was cut anywhere is incomplete, in the file or between two', async () => {
    const whole = await collect(
      packTar(entriesOf(file('a', 'a'.repeat(600)), folder('d'), file('ü', 'b'))),
    )
    const end = whole.length - 1024
    for (const length of [
      0,
      1,
      511,
      512,
      513,
      1024,
      1500,
      1536,
      2048,
      2049,
      2560,
      3000,
      end - 1,
      end,
      end + 511,
    ]) {
      await expectCode(unpacked(whole.subarray(0, length)), 'UPLOAD_INCOMPLETE')
    }
    expect((await unpacked(whole.subarray(0, end + 512))).length).toBe(3)
  })

  test('garbage is told from a tar archive, and a compressed one by name', async () => {
    await expectCode(unpacked(Buffer.alloc(2000, 'garbage ')), 'INVALID_INPUT', 'checksum')
    const gzip = Buffer.concat([Buffer.from([0x1f, 0x8b]), Buffer.alloc(2000, 1)])
    await expect(unpacked(gzip)).rejects.toMatchObject({
      hint: expect.stringContaining('compressed'),
    })
    const two = await collect(packTar(entriesOf(file('a', 'a'))))
    await expectCode(unpacked(Buffer.concat([two, two])), 'INVALID_INPUT', 'end marker')
  })

  test('any damage to any byte ends in an error of ours or in entries, never in anything else', async () => {
    const whole = await collect(
      packTar(entriesOf(file('ä'.repeat(80), 'x'.repeat(700)), folder('d'), file('b', ''))),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, value) => {
        const damaged = Buffer.from(whole)
        damaged[at] = value
        await unpacked(damaged).catch((error: unknown) => expect(isPrsmError(error)).toBe(true))
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    [{ name: 'l', type: 'symlink', linkname: 'x' }, 'symbolic link'],
    [{ name: 'h', type: 'link', linkname: 'x' }, 'hard link'],
    [{ name: 'c', type: 'character-device' }, 'character device'],
    [{ name: 'b', type: 'block-device' }, 'block device'],
    [{ name: 'p', type: 'fifo' }, 'named pipe'],
    [{ name: '/etc/passwd' }, 'absolute'],
    [{ name: '../up' }, '..'],
    [{ name: 'a/../../up' }, '..'],
    [{ name: '..', type: 'directory' }, '..'],
    [{ name: 'x', pax: { path: 'a\0b' } }, 'NUL'],
    [{ name: 'x', pax: { path: 'n'.repeat(256) } }, '255 bytes'],
    [{ name: 'x', pax: { path: 'd/'.repeat(300) } }, 'deep'],
    [{ name: 's', pax: { 'GNU.sparse.major': '1' } }, 'sparse'],
  ] as const)('refuses %j', async (header, says) => {
    await expectCode(archiveOf({ ...header }).then(unpacked), 'UNSUPPORTED_ENTRY', says)
  })

  test('refuses a link that GNU tar made, and a sparse file', async () => {
    await using at = await temporaryFolder()
    const tar = async (...args: string[]) =>
      (await run('tar', ['-C', at.path, ...args], { encoding: 'buffer' })).stdout
    await writeFile(join(at.path, 'file'), 'x')
    await link(join(at.path, 'file'), join(at.path, 'hard'))
    await expectCode(
      tar('-cf', '-', 'file', 'hard').then(unpacked),
      'UNSUPPORTED_ENTRY',
      '"hard" is a hard link',
    )
    symlinkSync('file', join(at.path, 'soft'))
    await expectCode(
      tar('-cf', '-', 'soft').then(unpacked),
      'UNSUPPORTED_ENTRY',
      '"soft" is a symbolic link',
    )
    writeFileSync(join(at.path, 'sparse'), '')
    truncateSync(join(at.path, 'sparse'), 1 << 20)
    for (const format of ['gnu', 'pax']) {
      const archive = tar('--sparse', `--format=${format}`, '-cf', '-', 'sparse')
      await expectCode(archive.then(unpacked), 'UNSUPPORTED_ENTRY', 'sparse')
    }
  })

  test('a name that is not UTF-8 is named, not changed', async () => {
    await using at = await temporaryFolder()
    await writeFile(Buffer.concat([Buffer.from(`${at.path}/caf`), Buffer.from([0xe9])]), 'x')
    for (const format of ['gnu', 'pax']) {
      const { stdout } = await run('tar', ['-C', at.path, `--format=${format}`, '-cf', '-', '.'], {
        encoding: 'buffer',
      })
      await expectCode(unpacked(stdout), 'UNSUPPORTED_ENTRY', 'café')
    }
  })

  test('takes names as tar programs write them', async () => {
    const archive = pack()
    for (const name of ['./', './a//b', 'c/./d', 'old-folder/']) archive.entry({ name }, '')
    archive.finalize()
    expect(await unpacked(await bytesOf(archive))).toEqual([
      ['a/b', ''],
      ['c/d', ''],
      ['old-folder', null],
    ])
  })

  test('a header that promises a gigabyte of names is refused before it is read', async () => {
    for (const type of ['pax-header', 'gnu-long-path'] as const) {
      const small = await archiveOf({ name: 'x', size: 0 })
      const header = Buffer.from(small.subarray(0, 512))
      header.write((2 ** 30).toString(8).padStart(11, '0'), 124, 'latin1')
      header[156] = type === 'pax-header' ? 0x78 : 0x4c
      header.fill(0x20, 148, 156)
      const sum = header.reduce((total, byte) => total + byte, 0)
      header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      let sent = 0
      async function* bomb() {
        yield* stream(header)
        for (; sent < 4096; sent += 1) yield* stream(new Uint8Array(1 << 18))
      }
      await expectCode(plain(unpackTar(bomb())), 'INVALID_INPUT', '1073741824 bytes')
      expect(sent).toBeLessThan(3)
    }
  })

  test('sizes above 8 GiB are read, as GNU and as pax write them', async () => {
    const binary = await archiveOf({ name: 'x', size: 0 })
    const size = 2 ** 33 + 7
    for (const pax of [false, true]) {
      const made = pax
        ? await archiveOf({ name: 'x', pax: { size: String(size) } })
        : Buffer.from(binary)
      if (!pax) {
        made.fill(0, 124, 136)
        made[124] = 0x80
        made.writeBigUInt64BE(BigInt(size), 128)
        made.fill(0x20, 148, 156)
        const sum = made.subarray(0, 512).reduce((total, byte) => total + byte, 0)
        made.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      }
      const entries = unpackTar(inPieces(made, 512))
      const first = await entries.next()
      expect(first.value).toMatchObject({ kind: 'file', path: 'x', size })
      await entries.return()
    }
  })

  test('ends its source when the consumer stops, and at a signal while the source is silent', async () => {
    let ended = 0
    async function* source() {
      try {
        yield* packTar(entriesOf(file('a', 'x'.repeat(100_000)), file('b', 'x')))
      } finally {
        ended += 1
      }
    }
    for await (const _entry of unpackTar(source())) break
    expect(ended).toBe(1)
    async function* silent() {
      yield* inPieces((await collect(source())).subarray(0, 2000), 2000)
      await new Promise(() => {})
    }
    await expectCode(plain(unpackTar(silent(), { signal: AbortSignal.timeout(50) })), 'CANCELLED')
  })
})

import { createHash } from 'node:crypto'
import { type ImporterOptions, importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import type { FolderEntry } from '../../src/core/content.ts'
import { listDirectory } from '../../src/unixfs/directory.ts'
import { importFile, importFolder } from '../../src/unixfs/import.ts'
import { readFile } from '../../src/unixfs/read.ts'
import { keyStream } from '../unit/unixfs/deterministic.ts'
import { all, collect, MemoryBlocks, pieces } from '../unit/unixfs/memory-blocks.ts'

/*
 * The 14 vectors of IPIP-499 (specs.ipfs.tech/ipips/ipip-0499), the same as in Kubo's
 * test/cli/cid_profiles_test.go and js-ipfs-unixfs's ipip-499-profiles.spec.ts. What we write is
 * the profile unixfs-v1-2025. The older profile is one we only read: its vectors are made with
 * the importer's own options and read back.
 */

const MIB = 1_048_576
const HELLO = new TextEncoder().encode('hello world')

const V1_FILES: readonly [string, () => AsyncIterable<Uint8Array>, string][] = [
  [
    'hello world',
    () => pieces(HELLO),
    'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e',
  ],
  [
    '1 MiB',
    () => keyStream(MIB, 'chunk-v1-seed'),
    'bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta',
  ],
  [
    '1 MiB + 1',
    () => keyStream(MIB + 1, 'chunk-v1-seed'),
    'bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64',
  ],
  [
    '1,024 chunks',
    () => keyStream(1024 * MIB, 'v1-2025-seed'),
    'bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm',
  ],
  [
    '1,024 chunks + 1',
    () => keyStream(1024 * MIB + 1, 'v1-2025-seed'),
    'bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe',
  ],
]

test.each(V1_FILES)(
  'unixfs-v1-2025, file: %s',
  { timeout: 120_000 },
  async (_name, content, cid) => {
    const imported = await importFile({ put: () => Promise.resolve() }, content())
    expect(imported.cid.toString()).toBe(cid)
  },
)

test.each([
  [
    'at the threshold',
    21,
    'directory',
    'bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4',
  ],
  ['one byte over it', 22, 'shard', 'bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu'],
])('unixfs-v1-2025, folder: %s', { timeout: 60_000 }, async (_name, lastNameBytes, _kind, cid) => {
  const names = await fileNames({
    count: 4766,
    nameBytes: 11,
    lastNameBytes,
    seed: 'hamt-unixfs-v1-2025',
  })
  const blocks = new MemoryBlocks()
  const imported = await importFolder(blocks, filesOfOneByte(names))
  expect(imported.cid.toString()).toBe(cid)
  const listed = await all(listDirectory(blocks, imported.cid))
  expect(listed.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
})

const V0_FILES: readonly [string, () => AsyncIterable<Uint8Array>, string][] = [
  ['hello world', () => pieces(HELLO), 'Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD'],
  [
    '256 KiB',
    () => keyStream(MIB / 4, 'chunk-v0-seed'),
    'QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE',
  ],
  [
    '256 KiB + 1',
    () => keyStream(MIB / 4 + 1, 'chunk-v0-seed'),
    'QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ',
  ],
  [
    '174 chunks',
    () => keyStream((174 * MIB) / 4, 'v0-seed'),
    'QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2',
  ],
  [
    '174 chunks + 1',
    () => keyStream((174 * MIB) / 4 + 1, 'v0-seed'),
    'QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW',
  ],
]

test.each(V0_FILES)(
  'unixfs-v0-2015, file: %s',
  { timeout: 60_000 },
  async (_name, content, cid) => {
    const blocks = new MemoryBlocks()
    const made = await importLikeV0(blocks, [{ content: content() }])
    expect(made.toString()).toBe(cid)
    const wanted = createHash('sha256')
      .update(await collect(content()))
      .digest('hex')
    const read = createHash('sha256')
      .update(await collect(readFile(blocks, CID.parse(cid))))
      .digest('hex')
    expect(read).toBe(wanted)
  },
)

test.each([
  ['at the threshold', 4096, 30, 'QmX5GtRk3TSSEHtdrykgqm4eqMEn3n2XhfkFAis5fjyZmN'],
  ['one byte over it', 4033, 31, 'QmeMiJzmhpJAUgynAcxTQYek5PPKgdv3qEvFsdV3XpVnvP'],
])('unixfs-v0-2015, folder: %s', { timeout: 60_000 }, async (_name, count, nameBytes, cid) => {
  const names = await fileNames({
    count,
    nameBytes,
    lastNameBytes: nameBytes,
    seed: 'hamt-unixfs-v0-2015',
  })
  const blocks = new MemoryBlocks()
  const files = names.map((name) => ({ path: `rootDir/${name}`, content: Uint8Array.of(120) }))
  expect((await importLikeV0(blocks, files)).toString()).toBe(cid)
  const listed = await all(listDirectory(blocks, CID.parse(cid)))
  expect(listed.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
})

/** Directly, as `@helia/unixfs` spreads its own options over this profile's. */
async function importLikeV0(
  blocks: MemoryBlocks,
  source: Parameters<typeof importer>[0],
): Promise<CID> {
  const options: ImporterOptions = { profile: 'unixfs-v0-2015' }
  const store = {
    async put(cid: CID, bytes: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
      if (!(bytes instanceof Uint8Array)) throw new TypeError('the importer puts whole blocks')
      await blocks.put(cid, bytes)
      return cid
    },
  }
  const made = await all(importer(source, store, options))
  const last = made.at(-1)
  if (last === undefined) throw new Error('nothing was imported')
  return last.cid
}

type Names = { count: number; nameBytes: number; lastNameBytes: number; seed: string }

/** File names out of the key stream: each byte picks one of 39 characters. */
async function fileNames({ count, nameBytes, lastNameBytes, seed }: Names): Promise<string[]> {
  const stream = await collect(keyStream(MIB, seed))
  const alphabet = 'abcdefghijklmnopqrstuvwxyz01234567890-_'
  const text = Array.from(stream, (byte) => alphabet[byte % alphabet.length]).join('')
  return Array.from({ length: count }, (_, index) => {
    const start = index * nameBytes
    return text.slice(start, start + (index === count - 1 ? lastNameBytes : nameBytes))
  })
}

async function* filesOfOneByte(names: readonly string[]): AsyncGenerator<FolderEntry> {
  await Promise.resolve()
  for (const path of names)
    yield { kind: 'file', path, size: 1, content: pieces(Uint8Array.of(120)) }
}

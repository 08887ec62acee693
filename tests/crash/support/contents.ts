import { createHash } from 'node:crypto'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { FolderEntry } from '../../../src/core/content.ts'
import { rawCid } from '../../support/block-store.ts'
import { carOf } from '../../support/car.ts'
import { MIB, noise } from '../../support/content.ts'
import type { Random } from './random.ts'

/**
 * Content that is told by its name: `f300.2` are 300 bytes of seed 2, `d…+…` a folder and `c…+…` a CAR
 * of such files. What a run stored is known afterwards from the list of uploads alone.
 */
export type ContentName = string

type FileName = string

/** Inline and file blocks, one block and several; few enough that most are met again. */
const SIZES = [0, 1, 300, 5000, 16 * 1024, 20_000, 64 * 1024 + 1, 200_000, MIB, MIB + 1, 3 * MIB]
/** Folders and archives are of small files: their bytes are not what is tested by them. */
const SMALL_SIZES = SIZES.slice(0, 8)
const SEEDS = [1, 2, 3]
const DAG_CBOR = 0x71
const KEPT_BYTES = 64 * MIB

const kept = new Map<FileName, Uint8Array>()
let keptBytes = 0

export function pickFile(random: Random, sizes: readonly number[] = SIZES): FileName {
  return `f${random.pick(sizes)}.${random.pick(SEEDS)}`
}

export function pickMany(random: Random, kind: 'd' | 'c'): ContentName {
  const count = 1 + random.int(6)
  const files = Array.from({ length: count }, () => pickFile(random, SMALL_SIZES))
  return `${kind}${[...new Set(files)].join('+')}`
}

/** What an upload of this file name has: `f300.2~1`. */
export function contentOf(filename: string): ContentName {
  return filename.slice(0, filename.indexOf('~'))
}

export function isFolder(name: ContentName): boolean {
  return name.startsWith('d')
}

/** The files of a folder or an archive. */
export function filesOf(name: ContentName): readonly FileName[] {
  return name.slice(1).split('+')
}

export function bytesOf(file: FileName): Uint8Array {
  const known = kept.get(file)
  if (known !== undefined) return known
  const [size = 0, seed = 0] = file.slice(1).split('.').map(Number)
  const bytes = noise(size, seed)
  if (keptBytes > KEPT_BYTES) {
    kept.clear()
    keptBytes = 0
  }
  kept.set(file, bytes)
  keptBytes += size
  return bytes
}

/** A copy that may be taken over. */
export function copyOf(file: FileName): Uint8Array {
  return Uint8Array.from(bytesOf(file))
}

export async function* entriesOf(folder: ContentName): AsyncGenerator<FolderEntry> {
  for (const [at, file] of filesOf(folder).entries()) {
    const bytes = copyOf(file)
    yield { kind: 'file', path: pathIn(at, file), size: bytes.byteLength, content: once(bytes) }
  }
}

/** Every other file is one folder deeper. */
export function pathIn(at: number, file: FileName): string {
  return at % 2 === 0 ? file : `deeper/${file}`
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** An archive of raw blocks below one block that links them. */
export async function carBytes(archive: ContentName): Promise<Uint8Array> {
  const leaves = filesOf(archive).map((file) => ({
    cid: rawCid(bytesOf(file)),
    bytes: bytesOf(file),
  }))
  const root = rootOf(archive)
  return await carOf([root.cid], [root, ...leaves])
}

function rootOf(archive: ContentName): { readonly cid: CID; readonly bytes: Uint8Array } {
  const bytes = encode(filesOf(archive).map((file) => rawCid(bytesOf(file))))
  const digest = createHash('sha256').update(bytes).digest()
  return { cid: CID.createV1(DAG_CBOR, Digest.create(0x12, digest)), bytes }
}

import { createHash } from 'node:crypto'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, test } from 'vitest'
import { pbLinks } from '../../../src/blocks/pb-links.ts'
import { Random } from '../../crash/support/random.ts'

type Bytes = Uint8Array

/** A number as protobuf has it, in at least so many bytes. */
function varint(value: number | bigint, atLeast = 1): Bytes {
  const bytes: number[] = []
  for (let left = BigInt(value); left > 0n || bytes.length < atLeast; left >>= 7n)
    bytes.push(Number(left & 0x7fn) | 0x80)
  return Uint8Array.from(bytes, (byte, at) => (at === bytes.length - 1 ? byte & 0x7f : byte))
}

function field(key: number | bigint | Bytes, content: Bytes, length: Bytes | number = -1): Bytes {
  const head = typeof key === 'object' ? key : varint(key)
  const size = typeof length === 'object' ? length : varint(length < 0 ? content.length : length)
  return Buffer.concat([head, size, content])
}

const join = (...parts: readonly Bytes[]): Bytes => Uint8Array.from(Buffer.concat(parts))
const data = (content: string) => field(0x0a, Buffer.from(content))
const link = (...fields: readonly Bytes[]) => field(0x12, join(...fields))
const hash = (bytes: Bytes) => field(0x0a, bytes)
const name = (text: string) => field(0x12, Buffer.from(text))
const size = (value: number | bigint | Bytes) =>
  join(varint(0x18), typeof value === 'object' ? value : varint(value))

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const V0 = join(Uint8Array.of(0x12, 0x20), sha256('0'))
const V1 = join(Uint8Array.of(1, 0x55), V0)
const IDENTITY = Uint8Array.of(1, 0x55, 0, 3, 7, 8, 9)
const EMPTY_IDENTITY = Uint8Array.of(1, 0x55, 0, 0)
const A = link(hash(V1))
const B = link(hash(V0), name('b'), size(7))
const D = data('data')

type Outcome = { readonly cids: readonly CID[] } | { readonly error: unknown }

function outcome(work: () => readonly CID[]): Outcome {
  try {
    return { cids: work() }
  } catch (error) {
    return { error }
  }
}

function isSame(one: CID, other: CID | undefined): boolean {
  return (
    other !== undefined &&
    one.version === other.version &&
    one.code === other.code &&
    Buffer.compare(one.bytes, other.bytes) === 0 &&
    one.multihash.code === other.multihash.code &&
    one.multihash.size === other.multihash.size &&
    Buffer.compare(one.multihash.digest, other.multihash.digest) === 0 &&
    Buffer.compare(one.multihash.bytes, other.multihash.bytes) === 0
  )
}

/** What differs from what the library makes of a block; nothing when all is well. */
function difference(block: Bytes): string | undefined {
  const library = outcome(() => dagPb.decode(block).Links.map(({ Hash }) => Hash))
  const ours = outcome(() => pbLinks(block))
  if ('error' in library && 'error' in ours) return undefined
  if ('error' in library) return `accepted: ${library.error}`
  if ('error' in ours) return `refused: ${ours.error}`
  const isEqual =
    library.cids.length === ours.cids.length &&
    library.cids.every((cid, at) => isSame(cid, ours.cids[at]))
  return isEqual ? undefined : `other CIDs: ${ours.cids} instead of ${library.cids}`
}

const accepted: Record<string, Bytes> = {
  'an empty block': join(),
  'data alone': D,
  'data that is empty': data(''),
  'links alone': join(A, B),
  'links before data': join(A, B, D),
  'data before links': join(D, A, B),
  'a name without a size': link(hash(V1), name('n')),
  'a size without a name': link(hash(V1), size(1)),
  'an empty name': link(hash(V1), name('')),
  'a name that is not UTF-8': link(hash(V1), field(0x12, Uint8Array.of(0xff, 0xc0, 0x80))),
  'a size of ten bytes': link(hash(V1), size((1n << 64n) - 1n)),
  'a size longer than it needs to be': link(hash(V1), size(varint(1, 10))),
  'a length longer than it needs to be': field(0x12, hash(V1), varint(hash(V1).length, 10)),
  'a key longer than it needs to be': field(varint(0x12, 10), hash(V1)),
  'a key that is one in its low 32 bits': field((1n << 32n) + 0x12n, hash(V1)),
  'a key of 53 bits': field((1n << 52n) + 0x0an, V1),
  'the key of a CID that is one in its low 32 bits': link(field((1n << 40n) + 0x0an, V1)),
  'the key of a size of ten bytes': link(hash(V1), join(varint(0x18, 10), varint(1))),
  'CIDs of both versions and with their block': join(A, link(hash(V0)), link(hash(IDENTITY))),
  'a CID that carries nothing': link(hash(EMPTY_IDENTITY)),
  'a codec of two bytes': link(hash(join(Uint8Array.of(1, 0xa9, 0x02), V0))),
  'a codec of zero': link(hash(join(Uint8Array.of(1, 0), V0))),
  'version 0 written out': link(hash(join(Uint8Array.of(0, 0x70), V0))),
  'version 0 written out with another codec': link(hash(join(Uint8Array.of(0, 0x55), V0))),
  'a short SHA-256': link(hash(Uint8Array.of(1, 0x55, 0x12, 2, 5, 6))),
  'a short version 0': link(hash(Uint8Array.of(0x12, 1, 9))),
}

const refused: Record<string, Bytes> = {
  'data twice': join(D, D),
  'data on both sides of links': join(D, A, D),
  'links on both sides of data': join(A, D, B),
  'empty data after data': join(D, data('')),
  'an unknown field': field(0x1a, Uint8Array.of(1)),
  'field 0': field(0x02, Uint8Array.of(1)),
  'data as a number': Uint8Array.of(0x08, 1),
  'links as a number': Uint8Array.of(0x10, 1),
  'links as a group': Uint8Array.of(0x13, 0),
  'data of 64 bits': Uint8Array.of(0x09, 1, 2, 3, 4, 5, 6, 7, 8),
  'a key without a length': Uint8Array.of(0x0a),
  'a key that does not end': Uint8Array.of(0x92),
  'a length that does not end': Uint8Array.of(0x0a, 0x80),
  'a length beyond the end': field(0x0a, Uint8Array.of(1, 2), 3),
  'a length of 2^31': field(0x0a, Uint8Array.of(1, 2), 2 ** 31),
  'a length of 2^32': field(0x0a, Uint8Array.of(), 2 ** 32),
  'a length of 64 bits': field(0x0a, Uint8Array.of(), varint((1n << 64n) - 1n)),
  'a key of eleven bytes': field(varint(0x0a, 11), Uint8Array.of(1)),
  'a length of eleven bytes': field(0x0a, Uint8Array.of(1), varint(1, 11)),
  'a size of eleven bytes': link(hash(V1), size(varint(1, 11))),
  'a key whose low bits are rounded away': field((1n << 63n) + 0x12n, hash(V1)),
  'a key whose bit 31 is set': field((1n << 31n) + 0x12n, hash(V1)),
  'a link of nothing': link(),
  'a link of a name': link(name('n')),
  'a link of a size': link(size(1)),
  'a CID of nothing': link(hash(join())),
  'a CID after a name': link(name('n'), hash(V1)),
  'a CID after a size': link(size(1), hash(V1)),
  'a name after a size': link(hash(V1), size(1), name('n')),
  'two CIDs': link(hash(V1), hash(V1)),
  'two names': link(hash(V1), name('n'), name('')),
  'two sizes': link(hash(V1), size(1), size(1)),
  'an unknown field of a link': link(hash(V1), field(0x22, Uint8Array.of(1))),
  'field 0 of a link': link(hash(V1), Uint8Array.of(0, 0)),
  'a CID as a number': link(Uint8Array.of(0x08, 1)),
  'a name as a number': link(hash(V1), Uint8Array.of(0x10, 1)),
  'a size as bytes': link(hash(V1), field(0x1a, Uint8Array.of(1))),
  'a CID beyond the end of its link': join(link(field(0x0a, V1.subarray(0, 30), 36)), D, D),
  'a name beyond the end of its link': join(link(hash(V1), field(0x12, join(), 2)), D),
  'a size beyond the end of its link': join(link(hash(V1), Uint8Array.of(0x18, 0x80)), D),
  'a key beyond the end of its link': join(link(hash(V1), Uint8Array.of(0x98)), D),
  'a byte after a CID of version 1': link(hash(join(V1, Uint8Array.of(0)))),
  'a byte after a CID of version 0': link(hash(join(V0, Uint8Array.of(0)))),
  'a CID that lacks a byte': link(hash(V1.subarray(0, -1))),
  'a CID of version 2': link(hash(join(Uint8Array.of(2, 0x55), V0))),
  'a version longer than it needs to be': link(hash(join(Uint8Array.of(0x81, 0, 0x55), V0))),
  'a codec longer than it needs to be': link(hash(join(Uint8Array.of(1, 0xd5, 0), V0))),
  'a link that is refused, before one that is not': join(link(hash(join())), A),
}

describe('what the library accepts', () => {
  test.each(Object.entries(accepted))('%s', (_, block) => {
    expect(difference(block)).toBeUndefined()
    expect(() => pbLinks(block)).not.toThrow()
  })
})

describe('what the library refuses', () => {
  test.each(Object.entries(refused))('%s', (_, block) => {
    expect(difference(block)).toBeUndefined()
    expect(() => pbLinks(block)).toThrow()
  })
})

test('a block that ends anywhere, and one of which any byte is any other', () => {
  const block = join(A, B, link(hash(IDENTITY), name('c'), size(300)), D)
  for (let end = 0; end < block.length; end++)
    expect(difference(block.subarray(0, end))).toBe(undefined)
  for (let at = 0; at < block.length; at++)
    for (let byte = 0; byte < 256; byte++) {
      const changed = Uint8Array.from(block).fill(byte, at, at + 1)
      const found = difference(changed)
      if (found !== undefined) expect.fail(`byte ${byte} at ${at}: ${found}`)
    }
})

test('a block in a larger buffer is read within its bounds, and its CIDs are plain', () => {
  const whole = Buffer.concat([D, A, B, D])
  const block = whole.subarray(D.length, -D.length)
  expect(difference(block)).toBeUndefined()
  const kinds = pbLinks(block).flatMap(({ bytes, multihash }) => [bytes, multihash.bytes])
  expect(new Set(kinds.map((kind) => kind.constructor))).toEqual(new Set([Uint8Array]))
})

test('links of a block in shared memory stay what they were when the memory has its next block', () => {
  const block = join(A, B, link(hash(IDENTITY)))
  const shared = new Uint8Array(new SharedArrayBuffer(block.length))
  shared.set(block)
  const links = pbLinks(shared)
  shared.fill(0)
  for (const [at, cid] of pbLinks(block).entries()) expect(isSame(cid, links[at])).toBe(true)
})

const CODECS = [0x55, 0x70, 0x71, 0x0129, 0x300000]
const HASHES = [0x12, 0x12, 0x12, 0x13, 0x1b, 0x00, 0xb220]
const LENGTHS = [0, 1, 20, 32, 32, 32, 64, 130]

function noise(random: Random, count: number): Bytes {
  return Uint8Array.from({ length: count }, () => random.int(256))
}

function anyCid(random: Random): Bytes {
  if (random.chance(0.5)) return join(Uint8Array.of(1, 0x55, 0x12, 32), noise(random, 32))
  if (random.chance(0.3)) return join(Uint8Array.of(0x12, 32), noise(random, 32))
  const digest = Digest.create(
    random.pick(HASHES),
    Buffer.from(noise(random, random.pick(LENGTHS))),
  )
  return CID.createV1(random.pick(CODECS), digest).bytes
}

/** Of up to 70 bits, mostly few; often longer than it needs to be. */
function anyVarint(random: Random): Bytes {
  let value = 0n
  for (let left = random.int(random.chance(0.2) ? 11 : 3); left > 0; left--)
    value = (value << 7n) | BigInt(random.int(128))
  if (random.chance(0.3)) value = random.pick([0x0an, 0x12n, 0x18n]) + (value << 32n)
  return varint(value, random.chance(0.2) ? random.int(12) : 1)
}

/** The fields of a link that is well formed. */
function anyLink(random: Random): Bytes[] {
  const fields = [hash(anyCid(random))]
  if (random.chance(0.7)) fields.push(field(0x12, noise(random, random.int(12))))
  if (random.chance(0.7)) fields.push(size(random.int(2 ** random.int(53))))
  return fields
}

function shuffle(random: Random, items: Bytes[]): void {
  const [from, to] = [random.int(items.length + 1), random.int(items.length + 1)]
  const [one, other] = [items[from], items[to]]
  const change = random.int(4)
  if (change === 0 && one !== undefined) items.splice(to, 0, one)
  else if (change === 1 && one !== undefined && other !== undefined) {
    items[from] = other
    items[to] = one
  } else if (change === 2) items.splice(from, 1)
  else items.splice(from, 0, field(anyVarint(random), noise(random, random.int(4))))
}

function damage(random: Random, block: Bytes): Bytes {
  const at = random.int(block.length + 1)
  const [head, tail] = [block.subarray(0, at), block.subarray(at)]
  const change = random.int(6)
  if (change === 0) return head
  if (change === 1) return join(block, noise(random, 1 + random.int(4)))
  if (change === 2) return join(head, anyVarint(random), tail)
  if (change === 3) return join(head, anyVarint(random), tail.subarray(1))
  if (change === 4) return join(head, tail.subarray(1 + random.int(3)))
  const flipped = Uint8Array.from(block)
  if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << random.int(8))
  return flipped
}

/** Most blocks have few links, so that what is changed is often the head of a field. */
function anyBlock(random: Random): Bytes {
  const kind = random.int(10)
  const links = Array.from({ length: random.int(random.chance(0.05) ? 51 : 4) }, () =>
    anyLink(random),
  )
  const [picked] = links.slice(random.int(links.length + 1))
  if (kind < 3 && picked !== undefined) shuffle(random, picked)
  const fields = links.map((parts) =>
    field(0x12, kind === 3 ? damage(random, join(...parts)) : join(...parts)),
  )
  const place = random.pick([0, fields.length])
  if (random.chance(0.6)) fields.splice(place, 0, field(0x0a, noise(random, random.int(8))))
  if (kind === 4 || kind === 5) shuffle(random, fields)
  const block = join(...fields)
  return kind > 5 && kind < 9 ? damage(random, block) : block
}

test('20,000 blocks that are well formed or nearly so: the library says the same', () => {
  let taken = 0
  for (let seed = 0; seed < 20_000; seed++) {
    const block = anyBlock(new Random(seed))
    const found = difference(block)
    if (found !== undefined)
      expect.fail(`seed ${seed}: ${found}: ${Buffer.from(block).toString('hex')}`)
    if (!('error' in outcome(() => pbLinks(block)))) taken += 1
  }
  expect(taken).toBeGreaterThan(5_000)
  expect(taken).toBeLessThan(15_000)
})

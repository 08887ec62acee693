import { describe, expect, test, vi } from 'vitest'
import { DAG_PB, RAW } from '../../../src/core/cid.ts'
import { type BlockWrite, FILE, INLINE, type Link } from '../../../src/db/block-rows.ts'
import { BlockPacker, type PackedBlocks, unpackParts } from '../../../src/db/packed-blocks.ts'
import { noise } from '../../support/content.ts'

const DAG_CBOR = 0x71

/** Numbers below a bound, the same for the same seed. */
function dice(seed: number): (below: number) => number {
  let state = (Math.imul(seed, 0x9e3779b1) >>> 0) + 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

function link(code: number, bytes: Uint8Array): Link {
  return { code, multihash: { bytes } }
}

function inline(multihash: Uint8Array, bytes: Uint8Array, links: BlockWrite['links'] = new Map()) {
  return { multihash, content: { place: INLINE, bytes }, links } as const
}

/** The same with bytes of its own, which compare with those of any other memory. */
function plain({ multihash, content, links }: BlockWrite) {
  const { place } = content
  const own =
    place === 'stored'
      ? { place }
      : place === INLINE
        ? { place, bytes: hex(content.bytes) }
        : { ...content, segments: hex(content.segments) }
  const named = [...links].map(([codec, targets]) => ({
    codec,
    targets: targets.map(({ code, multihash }) => ({ code, multihash: hex(multihash.bytes) })),
  }))
  return { multihash: hex(multihash), content: own, links: named }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function isGivenBack(packer: BlockPacker, batch: readonly BlockWrite[]): void {
  const given = unpacked(packer.pack(batch)).map(plain)
  expect(given).toEqual(batch.map(plain))
}

/** All views of a batch: of multihashes, contents, segments and links. */
function views(batch: readonly BlockWrite[]): Uint8Array[] {
  return batch.flatMap(({ multihash, content, links }) => {
    const own = content.place === INLINE ? [content.bytes] : []
    if (content.place === FILE) own.push(content.segments)
    const named = [...links.values()].flat().map(({ multihash: { bytes } }) => bytes)
    return [multihash, ...own, ...named]
  })
}

function randomBatch(seed: number): BlockWrite[] {
  const roll = dice(seed)
  const bytes = (most: number) => noise(roll(most), roll(1_000_000))
  const links = () =>
    new Map(
      [DAG_PB, DAG_CBOR, RAW]
        .slice(0, roll(4))
        .map((codec) => [codec, Array.from({ length: roll(6) }, () => link(codec, bytes(70)))]),
    )
  const content = (): BlockWrite['content'] => {
    const place = roll(3)
    if (place === 0) return { place: 'stored' }
    if (place === INLINE) return { place: INLINE, bytes: bytes(500) }
    return { place: FILE, size: roll(2 ** 21), directory: roll(10_000), segments: bytes(256) }
  }
  return Array.from({ length: roll(40) }, () => ({
    multihash: bytes(70),
    content: content(),
    links: links(),
  }))
}

describe('what is packed is given back', () => {
  test.each<[string, readonly BlockWrite[]]>([
    ['no block', []],
    ['one in the database', [inline(noise(34), noise(1000))]],
    ['one without bytes', [inline(noise(34), new Uint8Array(0))]],
    [
      'one in a file',
      [
        {
          multihash: noise(34),
          content: { place: FILE, size: 1_048_576, directory: 4096, segments: noise(256) },
          links: new Map(),
        },
      ],
    ],
    [
      'one that is stored already',
      [{ multihash: noise(34), content: { place: 'stored' }, links: new Map() }],
    ],
    [
      'links under several codecs, and a codec without any',
      [
        inline(
          noise(34),
          noise(90),
          new Map([
            [DAG_PB, [link(RAW, noise(34, 2)), link(DAG_PB, noise(34, 3))]],
            [DAG_CBOR, [link(0x0129, noise(66, 4))]],
            [RAW, []],
          ]),
        ),
      ],
    ],
    [
      'multihashes of different lengths',
      [34, 0, 66, 2, 22].map((length) => inline(noise(length, length + 1), noise(7))),
    ],
    [
      'numbers above 32 bits',
      [
        {
          multihash: noise(34),
          content: { place: FILE, size: 2 ** 40 + 1, directory: 2 ** 33, segments: noise(4) },
          links: new Map([[2 ** 35, [link(2 ** 36, noise(34))]]]),
        },
      ],
    ],
  ])('%s', (_, batch) => {
    isGivenBack(new BlockPacker(), batch)
  })

  test('views of larger memory are packed without their surroundings', () => {
    const memory = noise(1000)
    isGivenBack(new BlockPacker(), [inline(memory.subarray(10, 44), memory.subarray(100, 300))])
  })

  test('hundreds of batches one after the other, from one packer', () => {
    const packer = new BlockPacker()
    for (let seed = 1; seed <= 500; seed += 1) isGivenBack(packer, randomBatch(seed))
  })
})

describe('memory', () => {
  test('is used again when it was given back, for what is not larger, and is larger where it has to be', () => {
    const packer = new BlockPacker()
    const large = packer.pack([inline(noise(34), noise(5000))])
    const other = packer.pack([inline(noise(34), noise(5000))])
    expect(other.bytes).not.toBe(large.bytes)
    packer.release(large)
    const small = packer.pack([inline(noise(34, 2), noise(10))])
    expect(small.bytes).toBe(large.bytes)
    packer.release(other)
    const same = packer.pack([inline(noise(34, 3), noise(5000, 4))])
    expect(same.bytes).toBe(other.bytes)
    packer.release(same)
    const larger = packer.pack([inline(noise(34), noise(5001))])
    expect(larger.bytes).not.toBe(large.bytes)
    expect(larger.bytes.byteLength).toBe(34 + 5001)
  })

  test('a batch stays as it is while the next one is packed', () => {
    const packer = new BlockPacker()
    for (let seed = 1; seed <= 50; seed += 1) {
      const batch = randomBatch(seed)
      const packed = packer.pack(batch)
      const next = packer.pack(randomBatch(seed + 1000))
      expect(unpacked(packed)).toEqual(batch)
      packer.release(packed)
      packer.release(next)
    }
  })

  test('a batch stays as it is when there is no memory for the next, either', () => {
    const packer = new BlockPacker()
    const [first, second] = [randomBatch(1), randomBatch(2)]
    packer.release(packer.pack(first))
    const packed = packer.pack(first)
    const { SharedArrayBuffer: real } = globalThis
    vi.stubGlobal('SharedArrayBuffer', function none() {
      throw new RangeError('Array buffer allocation failed')
    })
    expect(() => packer.pack(second)).toThrow(RangeError)
    vi.unstubAllGlobals()
    expect(globalThis.SharedArrayBuffer).toBe(real)
    packer.pack(second)
    expect(unpacked(packed)).toEqual(first)
  })

  test('a batch that was unpacked is not seen in the next, smaller one', () => {
    const packer = new BlockPacker()
    packer.pack(randomBatch(3))
    expect(unpacked(packer.pack([]))).toEqual([])
    isGivenBack(packer, [inline(noise(2), noise(3))])
  })

  test('no two views share a byte, and all are of the one piece', () => {
    const packer = new BlockPacker()
    for (let seed = 1; seed <= 100; seed += 1) {
      const batch = randomBatch(seed)
      const packed = packer.pack(batch)
      let end = 0
      for (const view of views(unpacked(packed))) {
        expect(view.buffer).toBe(packed.bytes)
        expect(view.byteOffset).toBe(end)
        end += view.byteLength
      }
      expect(end).toBe(views(batch).reduce((sum, { byteLength }) => sum + byteLength, 0))
    }
  })
})

test('numbers that end in the middle of a block are refused', () => {
  const { numbers, bytes } = new BlockPacker().pack([inline(noise(34), noise(100))])
  expect(() => unpacked({ numbers: numbers.subarray(0, -1), bytes })).toThrow(RangeError)
})

function unpacked(packed: PackedBlocks): BlockWrite[] {
  return [...unpackParts(packed)].flatMap(({ blocks }) => [...blocks()])
}

describe('runs', () => {
  const small = (count: number, size: number) =>
    Array.from({ length: count }, (_, at) => inline(noise(34, at), noise(size, at)))
  const kinds = (batch: readonly BlockWrite[]) =>
    [...unpackParts(new BlockPacker().pack(batch))].map(({ run, blocks }) => [
      run?.count,
      [...blocks()].length,
    ])

  test('blocks of one size without links are one, from sixteen on', () => {
    expect(kinds(small(16, 100))).toEqual([[16, 16]])
    expect(kinds(small(15, 100))).toEqual([[undefined, 15]])
    expect(kinds(small(20, 0))).toEqual([[20, 20]])
  })

  test('another size, a link, another hash or a file ends it, and all come in their order', () => {
    const linked = inline(noise(34), noise(100), new Map([[DAG_PB, [link(RAW, noise(34))]]]))
    const longer = inline(noise(66), noise(100))
    const batch = [...small(20, 100), linked, longer, ...small(30, 100), ...small(17, 99)]
    expect(kinds(batch)).toEqual([
      [20, 20],
      [undefined, 2],
      [30, 30],
      [17, 17],
    ])
    isGivenBack(new BlockPacker(), batch)
  })

  test('its memory is that of its blocks, one behind the other', () => {
    const packed = new BlockPacker().pack(small(16, 7))
    const [part] = [...unpackParts(packed)]
    const bytes = [...(part?.blocks() ?? [])].flatMap((block) => views([block]))
    expect(Buffer.concat(bytes).equals(part?.run?.packed ?? noise(0))).toBe(true)
    expect(part?.run).toMatchObject({ count: 16, size: 7 })
  })
})

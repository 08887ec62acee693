import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openCar } from '../../../src/car/read.ts'
import { isPrsmError } from '../../../src/core/errors.ts'
import { rawCid } from '../../support/block-store.ts'
import { carOf, carV2 } from '../../support/car.ts'
import { inPieces, noise } from '../../support/content.ts'

const entries = [3, 200, 0, 999].map((size, seed) => {
  const bytes = noise(size, seed + 7)
  return { cid: rawCid(bytes), bytes }
})
const archive = await carOf([entries[0]?.cid ?? rawCid(noise(1))], entries)
const bytesOf = new Map(entries.map(({ cid, bytes }) => [cid.toString(), bytes]))

/** The blocks that were given before the end, or before the fault; only typed ones may be. */
async function read(bytes: Uint8Array, piece: number) {
  const given: string[] = []
  try {
    const car = await openCar(inPieces(bytes, piece))
    for await (const block of car.blocks) given.push(block.cid.toString())
    return { given, code: 'none' }
  } catch (error) {
    if (!isPrsmError(error)) throw error
    return { given, code: error.code }
  }
}

const CODES = ['none', 'CAR_INVALID', 'UNSUPPORTED_CODEC']
const piece = fc.integer({ min: 1, max: 5000 })

test('any bytes are a CAR or a typed error', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), piece, async (bytes, size) => {
      expect(CODES).toContain((await read(bytes, size)).code)
    }),
    { numRuns: 1000 },
  )
})

test('bytes changed, cut out or put in: no block that is not what its CID says', async () => {
  const change = fc.record({
    at: fc.nat(archive.byteLength - 1),
    cut: fc.nat(8),
    put: fc.uint8Array({ maxLength: 8 }),
  })
  const form = fc.constantFrom('v1', 'v2')
  await fc.assert(
    fc.asyncProperty(
      form,
      fc.array(change, { minLength: 1, maxLength: 4 }),
      piece,
      async (...all) => {
        const [version, changes, size] = all
        let bytes: Uint8Array = version === 'v1' ? archive : carV2(archive, { padding: 5 })
        for (const { at, cut, put } of changes) {
          bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)])
        }
        const { given, code } = await read(bytes, size)
        expect(CODES).toContain(code)
        // A changed CID would need another block with that hash: identity CIDs, which carry theirs, may.
        for (const cid of given) expect(bytesOf.has(cid) || !cid.startsWith('bafkrei')).toBe(true)
      },
    ),
    { numRuns: 1500 },
  )
})

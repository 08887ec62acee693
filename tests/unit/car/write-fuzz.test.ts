import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { decodeDocument, documentLinks } from '../../../src/car/traverse-document.ts'
import { PrsmError } from '../../../src/core/errors.ts'
import { carParameters } from '../../../src/gateway/car-parameters.ts'
import { rawCid } from '../../support/block-store.ts'

/** Only the codec of these counts: what is read is not checked against them. */
const CBOR = CID.createV1(0x71, rawCid(Buffer.from('any')).multihash)
const JSON_CID = CID.createV1(0x0129, CBOR.multihash)

const link = fc.uint8Array({ maxLength: 4 }).map((bytes) => rawCid(bytes))
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    link,
    fc.string(),
    fc.constantFrom('{"/":"bafkqaaa"}', '{', '"', '/', '\\'),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ maxLength: 4 }).filter((key) => key !== '/'),
      tie('value'),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    ),
  ),
}))

/** The links of a value, in no order: as texts. */
function linksIn(member: unknown): readonly string[] {
  const cid = CID.asCID(member)
  if (cid !== null) return [cid.toString()]
  if (typeof member !== 'object' || member === null || member instanceof Uint8Array) return []
  return Object.values(member).flatMap(linksIn)
}

function codeOfThrown(work: () => unknown): string {
  try {
    work()
    return 'none'
  } catch (error) {
    if (error instanceof PrsmError) return error.code
    throw error
  }
}

test('the links of any document are those its library finds', () => {
  fc.assert(
    fc.property(value, (document) => {
      for (const [cid, codec] of [
        [CBOR, dagCbor],
        [JSON_CID, dagJson],
      ] as const) {
        const block = codec.encode(document)
        const found = documentLinks(cid, block).map(String)
        expect(found.toSorted()).toEqual([...linksIn(codec.decode(block))].toSorted())
      }
    }),
    { numRuns: 500 },
  )
})

test('any bytes are a document or DAG_INVALID', () => {
  const head = fc.constantFrom(0x9b, 0xbb, 0xd8, 0x5f, 0x81, 0xa1, 0x7b, 0xfb, 0x7b22, 0x5b5b)
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(head, { maxLength: 60 }).map((all) => Uint8Array.from(all)),
  )
  fc.assert(
    fc.property(bytes, (block) => {
      for (const cid of [CBOR, JSON_CID]) {
        expect(['none', 'DAG_INVALID']).toContain(codeOfThrown(() => documentLinks(cid, block)))
        expect(['none', 'DAG_INVALID']).toContain(codeOfThrown(() => decodeDocument(cid, block)))
      }
    }),
    { numRuns: 2000 },
  )
})

test('any parameters of a CAR are read or INVALID_INPUT', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('y', 'n', 'dfs', 'unk', '1', 'all', 'block', 'entity', '0:*', '-5:', '5:-5'),
    fc.tuple(fc.integer(), fc.oneof(fc.integer(), fc.constant('*'))).map((ends) => ends.join(':')),
  )
  const names = ['dag-scope', 'entity-bytes', 'car-order', 'car-dups', 'car-version'] as const
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), text), (asked) => {
      const query = new URLSearchParams(asked)
      const code = codeOfThrown(() => carParameters({ query, formatParameters: new Map() }))
      expect(['none', 'INVALID_INPUT']).toContain(code)
    }),
    { numRuns: 1000 },
  )
})

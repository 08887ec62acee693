import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { expect, it } from 'vitest'
import { decodeCid } from '../../../src/core/cid.ts'

const digest = (code: number, bytes: number) => Digest.create(code, new Uint8Array(bytes).fill(7))

it.each([
  ['of version 1 with a SHA-256', CID.createV1(0x70, digest(0x12, 32))],
  ['with a codec of two bytes', CID.createV1(0x0129, digest(0x12, 32))],
  ['of version 0', CID.decode(digest(0x12, 32).bytes)],
  ['with another hash of 32 bytes', CID.createV1(0x55, digest(0x1e, 32))],
  ['with a SHA-512', CID.createV1(0x55, digest(0x13, 64))],
  ['that carries its block', CID.createV1(0x55, digest(0, 32))],
  ['whose digest was cut short', CID.createV1(0x55, digest(0x12, 20))],
])('reads a CID %s as multiformats does', (_, cid) => {
  const block = Buffer.concat([Buffer.from('before'), cid.bytes, Buffer.from('behind')])
  const decoded = decodeCid(block.subarray(6, 6 + cid.bytes.byteLength))
  expect(decoded.equals(cid)).toBe(true)
  expect(decoded.toString()).toBe(cid.toString())
  expect(CID.asCID(decoded)).toBe(decoded)
  expect(Buffer.compare(decoded.bytes, cid.bytes)).toBe(0)
  expect(Buffer.compare(decoded.multihash.bytes, cid.multihash.bytes)).toBe(0)
  expect(Buffer.compare(decoded.multihash.digest, cid.multihash.digest)).toBe(0)
})

it.each([
  ['no bytes', []],
  ['a digest that is too short', [1, 0x55, 0x12, 32, ...new Uint8Array(31)]],
  ['a digest that is too long', [1, 0x55, 0x12, 32, ...new Uint8Array(33)]],
  ['another version', [2, 0x55, 0x12, 32, ...new Uint8Array(32)]],
])('refuses %s as multiformats does', (_, bytes) => {
  const given = Uint8Array.from(bytes)
  expect(() => CID.decode(given)).toThrow()
  expect(() => decodeCid(given)).toThrow()
})

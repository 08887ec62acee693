import type { CID } from 'multiformats/cid'
import { expectTypeOf, test } from 'vitest'
import type { StorageClient } from '../../src/client/client.ts'
import {
  type CollectionResult,
  createStorageNode,
  type Download,
  type ErrorCode,
  isPrsmError,
  type NodeOptions,
  type Pin,
  type PinCheck,
  type PinResult,
  type Storage,
  type StorageNode,
  type UploadResult,
} from '../../src/index.ts'

declare const node: StorageNode
declare const client: StorageClient
declare const cid: CID

test('a node is a storage that can be disposed', () => {
  expectTypeOf(createStorageNode).returns.resolves.toEqualTypeOf<StorageNode>()
  expectTypeOf<StorageNode>().toExtend<Storage & AsyncDisposable>()
  expectTypeOf<{ dataDir: string }>().toExtend<NodeOptions>()
  expectTypeOf<{ storage: 'memory' }>().toExtend<NodeOptions>()
  // @ts-expect-error no such storage
  void createStorageNode({ storage: 'cloud' })
})

test('whatever stands for bytes or files can be uploaded', () => {
  expectTypeOf(node.upload('content')).resolves.toEqualTypeOf<UploadResult>()
  void node.upload(new Uint8Array())
  void node.upload(Buffer.from(''))
  void node.upload(new Uint8Array().buffer)
  void node.upload(new Blob([]))
  void node.upload([new Uint8Array()])
  void node.upload(process.stdin)
  void node.upload(new Blob([]).stream())
  void node.upload(new URL('file:///a'))
  void node.upload({ path: 'a', dereference: true })
  void node.upload({ entries: node.walk(cid) })
  void node.upload(node.download(cid), {
    filename: 'a',
    onProgress: ({ percent }) => percent?.toFixed(),
  })
  // @ts-expect-error nothing
  void node.upload(null)
  // @ts-expect-error a number
  void node.upload(7)
  // @ts-expect-error numbers
  void node.upload([1, 2, 3])
  // @ts-expect-error entries without sizes
  void node.upload({ entries: [{ kind: 'file', path: 'a' }] })
  // @ts-expect-error the wrong unit: a name of an option that is none
  void node.upload('x', { size: 7 })
})

test('a download is chunks of bytes, or all of them', () => {
  expectTypeOf(node.download(cid)).toEqualTypeOf<Download>()
  expectTypeOf(node.download('bafy/a')).toExtend<AsyncIterable<Uint8Array>>()
  expectTypeOf(
    node.download(cid, { offset: 1, length: 2 }).bytes({ maxBytes: 3 }),
  ).resolves.toEqualTypeOf<Uint8Array>()
  // @ts-expect-error text is no offset
  node.download(cid, { offset: '1' })
})

test('a client is the same storage', () => {
  expectTypeOf(client).toExtend<Storage & AsyncDisposable>()
})

test('content is pinned, listed, verified and collected, here and far away', () => {
  for (const storage of [node, client]) {
    expectTypeOf(storage.pin(cid)).resolves.toEqualTypeOf<PinResult>()
    void storage.pin('bafy/a', {
      mode: 'direct',
      name: 'a',
      metadata: { b: 'c' },
      expiresAt: new Date(),
      offline: true,
      onProgress: ({ stalled }) => stalled?.waitingFor.join(),
    })
    expectTypeOf(storage.unpin(cid)).resolves.toEqualTypeOf<Pin>()
    expectTypeOf(storage.updatePin(cid, cid, { unpin: false })).resolves.toEqualTypeOf<PinResult>()
    expectTypeOf(storage.pins({ name: 'a' })).toExtend<AsyncIterable<Pin>>()
    expectTypeOf(storage.verifyPins({ read: true })).toExtend<AsyncIterable<PinCheck>>()
    expectTypeOf(storage.collect({ free: 1 })).resolves.toEqualTypeOf<CollectionResult>()
    expectTypeOf(storage.upload('a', { pin: false })).resolves.toEqualTypeOf<UploadResult>()
  }
  // @ts-expect-error no such mode
  void node.pin(cid, { mode: 'indirect' })
  // @ts-expect-error numbers are no metadata
  void node.pin(cid, { metadata: { a: 1 } })
  // @ts-expect-error milliseconds are no time
  void node.pin(cid, { expiresAt: 7 })
  // @ts-expect-error the mode is that of the pin that is replaced
  void node.updatePin(cid, cid, { mode: 'direct' })
})

test('errors are told apart by a closed set of codes', () => {
  const error: unknown = undefined
  if (isPrsmError(error)) expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
  expectTypeOf<'NO_SUCH_CODE'>().not.toExtend<ErrorCode>()
})

import type { CID } from 'multiformats/cid'
import { expectTypeOf, test } from 'vitest'
import {
  createStorageNode,
  type Download,
  type ErrorCode,
  isPrsmError,
  type NodeOptions,
  type Storage,
  type StorageNode,
  type UploadResult,
} from '../../src/index.ts'

declare const node: StorageNode
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

test('errors are told apart by a closed set of codes', () => {
  const error: unknown = undefined
  if (isPrsmError(error)) expectTypeOf(error.code).toEqualTypeOf<ErrorCode>()
  expectTypeOf<'NO_SUCH_CODE'>().not.toExtend<ErrorCode>()
})

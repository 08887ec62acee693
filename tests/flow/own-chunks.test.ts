import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { createStorageNode } from '../../src/index.ts'

/** All of a download, which is then overwritten. */
async function taken(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = []
  for await (const chunk of chunks) {
    copies.push(Buffer.from(chunk))
    chunk.fill(0)
  }
  return Buffer.concat(copies)
}

it.each([10, 3_000_000])(
  'a consumer may write to the chunks of a file of %i bytes',
  async (size) => {
    await using node = await createStorageNode({ storage: 'memory' })
    const content = randomBytes(size)
    const { cid } = await node.upload(content)
    for (let again = 0; again < 3; again++) {
      for (const options of [{}, { reuseBuffers: true }, { offset: 1 }, { onProgress: () => {} }]) {
        const expected = content.subarray('offset' in options ? 1 : 0)
        expect(Buffer.compare(await taken(node.download(cid, options)), expected)).toBe(0)
      }
    }
    expect(Buffer.compare(await node.download(cid).bytes(), content)).toBe(0)
  },
)

it('takes offline in every way of reading, and says that nobody was asked', async () => {
  await using node = await createStorageNode({ storage: 'memory' })
  const { cid } = await node.upload('here')
  const absent = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
  expect((await node.download(cid, { offline: true }).bytes()).byteLength).toBe(4)
  expect((await node.stat(cid, { offline: true })).bytes).toBe(4)
  const options = { offline: true }
  for (const reading of [
    node.download(absent, options).bytes(),
    node.stat(absent, options),
    node.downloadTo(absent, '/nowhere', options),
    taken(node.download(absent, options)),
  ]) {
    await expect(reading).rejects.toMatchObject({
      code: 'CONTENT_NOT_FOUND',
      hint: expect.stringContaining('--offline'),
    })
  }
})

import { createHash, randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { Hasher } from '../../../src/uploads/hasher.ts'

function shared(bytes: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  chunk.set(bytes)
  return chunk
}

it('hashes several files at once, each in its own order', async () => {
  await using hasher = new Hasher()
  const files = Array.from({ length: 5 }, () => {
    return Array.from({ length: 20 }, () => shared(randomBytes(1000)))
  })
  const digests = files.map(() => hasher.begin())
  for (let i = 0; i < 20; i++) {
    await Promise.all(
      digests.map((digest, file) => digest.update(files[file]?.[i] ?? shared(Buffer.of()))),
    )
  }
  const hex = await Promise.all(digests.map((digest) => digest.hex()))
  expect(hex).toEqual(
    files.map((chunks) => {
      const hash = createHash('sha256')
      for (const chunk of chunks) hash.update(chunk)
      return hash.digest('hex')
    }),
  )
})

it('has read a chunk when the update resolves: the buffer may be used again', async () => {
  await using hasher = new Hasher()
  using digest = hasher.begin()
  const chunk = shared(Buffer.from('first'))
  await digest.update(chunk)
  chunk.set(Buffer.from('other'))
  await digest.update(chunk)
  expect(await digest.hex()).toBe(createHash('sha256').update('firstother').digest('hex'))
})

it('forgets a digest that is let go, and goes on with the others', async () => {
  await using hasher = new Hasher()
  {
    using dropped = hasher.begin()
    await dropped.update(shared(Buffer.from('nothing comes of this')))
  }
  using digest = hasher.begin()
  await digest.update(shared(Buffer.from('a')))
  expect(await digest.hex()).toBe(createHash('sha256').update('a').digest('hex'))
})

it('rejects what waits when it is closed', async () => {
  const hasher = new Hasher()
  const digest = hasher.begin()
  const waiting = digest.update(shared(randomBytes(1000)))
  await hasher[Symbol.asyncDispose]()
  await expect(waiting).rejects.toMatchObject({ code: 'INTERNAL' })
})

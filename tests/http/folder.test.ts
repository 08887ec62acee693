import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noise, problemOf, startApi, streamed, type TestApi } from './support/api.ts'

const run = promisify(execFile)
const TAR = { 'content-type': 'application/x-tar' }

let api: TestApi
let work: string
beforeAll(async () => {
  api = await startApi({ maxFileBytes: 3_000_000 })
  work = await mkdtemp(join(tmpdir(), 'prsm-http-'))
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await rm(work, { recursive: true })
})

/** A folder made by `fill`, as the system's own tar packs it. */
async function archive(name: string, fill: (folder: string) => Promise<void>): Promise<Uint8Array> {
  const folder = join(work, name)
  await mkdir(folder)
  await fill(folder)
  await run('tar', ['-C', folder, '-cf', `${folder}.tar`, '.'])
  return await readFile(`${folder}.tar`)
}

function upload(tar: Uint8Array, query = '') {
  return fetch(`${api.ipfs}/upload${query}`, { method: 'POST', headers: TAR, body: tar })
}

const BIG = noise(2_500_000, 3)

async function fillSample(folder: string): Promise<void> {
  await mkdir(join(folder, 'a', 'empty'), { recursive: true })
  await writeFile(join(folder, 'a', 'größe.txt'), 'text')
  await writeFile(join(folder, '.hidden'), '')
  await writeFile(join(folder, 'big.bin'), BIG)
}

describe('a folder', () => {
  test('goes in as a tar archive and comes out as one', async () => {
    const response = await upload(await archive('sample', fillSample), '?filename=sample')
    expect(response.status).toBe(201)
    const result = JSON.parse(await response.text())
    expect(result).toMatchObject({
      filename: 'sample',
      contentType: 'application/x-directory',
      bytes: BIG.length + 4,
    })

    const back = await fetch(`${api.ipfs}/${result.cid}`)
    expect(Object.fromEntries(back.headers)).toMatchObject({
      'content-type': 'application/x-tar',
      'content-disposition': `attachment; filename*=UTF-8''${result.cid}.tar`,
      'content-security-policy': 'sandbox',
      'accept-ranges': 'none',
      etag: `W/"${result.cid}.tar"`,
    })
    expect(back.headers.get('content-length')).toBeNull()
    const out = join(work, 'out')
    await mkdir(out)
    await writeFile(`${out}.tar`, await back.bytes())
    await run('tar', ['-C', out, '-xf', `${out}.tar`])
    expect((await readdir(out, { recursive: true })).sort()).toEqual(
      ['.hidden', 'a', 'a/empty', 'a/größe.txt', 'big.bin'].sort(),
    )
    expect(Buffer.compare(await readFile(join(out, 'big.bin')), BIG)).toBe(0)

    const head = await fetch(`${api.ipfs}/${result.cid}/a`, { method: 'HEAD' })
    expect(head.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''a.tar")
    expect(head.headers.get('content-length')).toBeNull()
    const known = { 'if-none-match': `W/"${result.cid}.tar"` }
    expect((await fetch(`${api.ipfs}/${result.cid}`, { headers: known })).status).toBe(304)
    const named = await fetch(`${api.ipfs}/${result.cid}?filename=mine.tar`)
    expect(named.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''mine.tar")
    await named.body?.cancel()
  })

  test('with a link is refused with its name', async () => {
    const tar = await archive('links', (folder) => symlink('/etc/passwd', join(folder, 'trap')))
    const before = await api.node.list()
    const problem = await problemOf(await upload(tar))
    expect(problem).toMatchObject({ status: 422, code: 'UNSUPPORTED_ENTRY' })
    expect(problem.detail).toContain('trap')
    expect(await api.node.list()).toEqual(before)
  })

  test('with a file over the limit is refused, however large the whole may be', async () => {
    const two = await archive('two', async (folder) => {
      await writeFile(join(folder, 'one'), noise(2_000_000, 7))
      await writeFile(join(folder, 'two'), noise(2_000_000, 8))
    })
    expect((await upload(two)).status).toBe(201)
    const large = await archive('large', (folder) =>
      writeFile(join(folder, 'large'), noise(3_000_001, 8)),
    )
    expect(await problemOf(await upload(large))).toMatchObject({
      status: 413,
      code: 'UPLOAD_TOO_LARGE',
    })
  })

  test.each([
    ['is no archive', Buffer.from('this is no tar archive'.repeat(100))],
    ['is empty', Buffer.alloc(0)],
  ])('that %s is refused', async (_name, body) => {
    const response = await upload(body)
    const problem = await problemOf(response)
    expect(problem.status).toBe(400)
  })

  test('that is cut off is refused, chunked and well-formed as the request is', async () => {
    const tar = await archive('cut', (folder) => writeFile(join(folder, 'f'), noise(100_000)))
    const before = await api.node.list()
    const cut = { ...streamed([tar.subarray(0, 60_000)]), headers: TAR }
    const response = await fetch(`${api.ipfs}/upload`, cut)
    expect(await problemOf(response)).toMatchObject({ status: 400, code: 'UPLOAD_INCOMPLETE' })
    expect(await api.node.list()).toEqual(before)
  })
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repository } from '../support/command.ts'
import { startApi } from './support/api.ts'

const CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'

/** The rows of the table of routes: methods and path. */
async function routes(): Promise<readonly (readonly [methods: string, path: string])[]> {
  const page = await readFile(join(repository, 'docs/HTTP.md'), 'utf8')
  const rows = page.matchAll(/^\| ((?:`[A-Z]+`(?:, )?)+) \| `(\/\S+)` \| .+ \|$/gm)
  return [...rows].map(([, methods = '', path = '']) => [methods.replaceAll('`', ''), path])
}

test('every route of docs/HTTP.md is there, and takes the methods it says', async () => {
  await using api = await startApi()
  const told = await routes()
  expect(told.length).toBe(20)
  for (const [methods, path] of told) {
    for (const rest of path.endsWith('[/path]') ? ['', '/path'] : ['']) {
      const asked = path.replace(/\{(cid|id)\}/, CID).replace('[/path]', rest)
      const response = await fetch(`${api.server.url}${asked}`, { method: 'PUT' })
      await response.body?.cancel()
      expect({ asked, status: response.status, methods: response.headers.get('allow') }).toEqual({
        asked,
        status: 405,
        methods,
      })
    }
  }
})

test('its examples of JSON have the fields of real answers', async () => {
  await using api = await startApi()
  const page = await readFile(join(repository, 'docs/HTTP.md'), 'utf8')
  const [uploaded, problem] = [...page.matchAll(/^```json\n(.*?)^```$/gms)].map(([, text = '']) =>
    JSON.parse(text),
  )
  const absent = await fetch(`${api.ipfs}/${CID}`)
  expect(await absent.json()).toEqual({ ...problem, requestId: absent.headers.get('x-request-id') })
  const stored = await fetch(`${api.ipfs}/upload?filename=test.txt`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: 'Hello PRSM IPFS!',
  })
  expect(await stored.json()).toEqual({ ...uploaded, durationMs: expect.any(Number) })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { must, nodeFolder, repository, shellEnvironment } from '../support/command.ts'
import { MIB, noise, sameBytes } from '../support/content.ts'

vi.setConfig({ testTimeout: 120_000 })

const programs = join(import.meta.dirname, 'programs')
const env = shellEnvironment([nodeFolder])
const HELLO_CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'

it('the examples type-check', async () => {
  const tsc = join(repository, 'node_modules/.bin/tsc')
  await must([tsc, '-p', join(programs, 'examples.tsconfig.json')], { cwd: repository, env })
})

/** Starts an example as its user does; ends it at the end of the scope. */
async function startExample(name: string, dataDir: string) {
  const child = spawn(
    'node',
    ['--import', join(programs, 'own-name.ts'), join(repository, 'docs/examples', name)],
    { env: { ...env, DATA_DIR: dataDir, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'exit')
  const stop = async (signal: NodeJS.Signals): Promise<unknown> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    const [code] = await ended
    return code
  }
  const kill = async (): Promise<void> => {
    await stop('SIGKILL')
  }
  await using stack = new AsyncDisposableStack()
  stack.defer(kill)
  const [line] = await Promise.race([once(child.stdout, 'data'), ended])
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0]
  if (url === undefined) throw new Error(`${name} said ${line}`)
  const running = stack.move()
  return { url, stop, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

describe.each(['express.ts', 'fastify.ts'])('docs/examples/%s', (name) => {
  it('stores and gives back, small and large', async () => {
    await using folder = await temporaryFolder()
    const dataDir = join(folder.path, 'data')
    await using host = await startExample(name, dataDir)
    const body = 'Hello PRSM IPFS!'
    const first = await fetch(`${host.url}/files?name=test.txt`, { method: 'POST', body })
    expect(first.status).toBe(201)
    expect(await first.json()).toMatchObject({ cid: HELLO_CID, filename: 'test.txt', bytes: 16 })
    const again = await fetch(`${host.url}/files?name=test.txt`, { method: 'POST', body })
    expect(again.status).toBe(200)

    const large = noise(5 * MIB)
    const stored = await fetch(`${host.url}/files`, { method: 'POST', body: large })
    const { cid } = (await stored.json()) as { cid: string }
    const back = await fetch(`${host.url}/files/${cid}`)
    expect(back.headers.get('content-length')).toBe(String(large.byteLength))
    expect(back.headers.get('content-disposition')).toContain('attachment')
    expect(sameBytes(await back.bytes(), large)).toBe(true)
    const list = (await (await fetch(`${host.url}/files`)).json()) as { uploads: unknown[] }
    expect(list.uploads).toHaveLength(2)

    expect(await host.stop('SIGTERM')).toBe(0)
    await using node = await createStorageNode({ dataDir })
    expect((await node.list()).uploads).toHaveLength(2)
  })

  it('answers what it cannot do with a status and a code', async () => {
    await using folder = await temporaryFolder()
    await using host = await startExample(name, join(folder.path, 'data'))
    const cases: [string, string, number, string][] = [
      ['GET', '/files/abc', 400, 'INVALID_CID'],
      ['GET', `/files/${HELLO_CID}`, 404, 'CONTENT_NOT_FOUND'],
      ['POST', '/files?name=a%2Fb', 400, 'INVALID_INPUT'],
    ]
    for (const [method, path, status, code] of cases) {
      const body = method === 'POST' ? { body: noise(3 * MIB) } : {}
      const response = await fetch(`${host.url}${path}`, { method, ...body })
      expect({ path, status: response.status }).toEqual({ path, status })
      expect(await response.json()).toMatchObject({ code })
    }
    const tooLarge = await announce(`${host.url}/files`, 2 * 1024 * MIB)
    expect(tooLarge).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' })
  })

  it('keeps nothing of a client that goes away, and works on', async () => {
    await using folder = await temporaryFolder()
    await using host = await startExample(name, join(folder.path, 'data'))
    const sending = request(`${host.url}/files`, { method: 'POST' })
    sending.on('error', () => {})
    sending.write(noise(2 * MIB))
    await once(sending, 'drain')
    sending.destroy()
    const stored = await fetch(`${host.url}/files`, { method: 'POST', body: noise(4 * MIB, 2) })
    const { cid } = (await stored.json()) as { cid: string }
    const leaving = new AbortController()
    const { body } = await fetch(`${host.url}/files/${cid}`, { signal: leaving.signal })
    await body?.getReader().read()
    leaving.abort()
    const back = await fetch(`${host.url}/files/${cid}`)
    expect(sameBytes(await back.bytes(), noise(4 * MIB, 2))).toBe(true)
    const list = (await (await fetch(`${host.url}/files`)).json()) as { uploads: unknown[] }
    expect(list.uploads).toHaveLength(1)
    expect(await host.stop('SIGTERM')).toBe(0)
  })
})

/** Announces a body and sends only its first bytes, as a client that waits for the answer. */
async function announce(url: string, bytes: number) {
  const sending = request(url, { method: 'POST', headers: { 'content-length': bytes } })
  sending.on('error', () => {})
  sending.write('first')
  const [response] = await once(sending, 'response')
  const [text] = await once(response, 'data')
  sending.destroy()
  return { status: response.statusCode, ...JSON.parse(String(text)) }
}

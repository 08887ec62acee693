import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { createStorageNode } from '../../src/index.ts'
import { temporaryFolder } from '../support/block-store.ts'
import { nodeFolder, repository, run, shellEnvironment } from '../support/command.ts'

vi.setConfig({ testTimeout: 60_000 })

const program = join(import.meta.dirname, 'programs/quiet-host.ts')
const env = shellEnvironment([nodeFolder])

const runHost = (dataDir: string, end: string) =>
  run(['node', '--trace-warnings', program, dataDir, end], {
    cwd: repository,
    env,
    timeoutMs: 50_000,
  })

it('the library leaves its process as it was, and writes nothing', async () => {
  await using folder = await temporaryFolder()
  const { code, signal, stdout, stderr } = await runHost(join(folder.path, 'data'), 'close')
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
  const { before, during } = JSON.parse(stdout)
  expect(during).toEqual(before)
})

it('an idle node that nobody closes does not keep its process, and loses nothing', async () => {
  await using folder = await temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const { code, stdout } = await runHost(dataDir, 'leave')
  expect(code).toBe(0)
  const { cid } = JSON.parse(stdout)
  await using node = await createStorageNode({ dataDir })
  expect((await node.download(cid).bytes()).length).toBe(9 * 1024 ** 2)
})

it('works in a host that is run with --eval and --input-type', async () => {
  await using folder = await temporaryFolder()
  const library = JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)
  const text = `
    const { createStorageNode } = await import(${library})
    await using node = await createStorageNode({ dataDir: ${JSON.stringify(join(folder.path, 'data'))} })
    const { sha256 } = await node.upload(new Uint8Array(16 * 1024 ** 2))
    console.log(sha256)`
  const command = ['node', '--input-type=module', '--eval', text]
  const { code, stdout, stderr } = await run(command, { cwd: repository, env, timeoutMs: 50_000 })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^[0-9a-f]{64}\n$/)
})

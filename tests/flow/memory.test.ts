import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { temporaryFolder } from '../support/block-store.ts'
import { must, nodeFolder, repository, shellEnvironment } from '../support/command.ts'

vi.setConfig({ testTimeout: 120_000 })

const MEBIBYTES = 300
const MAX_GROWTH = 150

it('memory stays flat for a large file, in and out, with a consumer that pauses', async () => {
  await using folder = await temporaryFolder()
  const program = join(import.meta.dirname, 'programs/measure-memory.ts')
  const command = ['node', program, join(folder.path, 'data'), String(MEBIBYTES)]
  const env = shellEnvironment([nodeFolder])
  const { upload, download, complete } = JSON.parse(await must(command, { cwd: repository, env }))
  expect(complete).toBe(true)
  expect(upload).toBeLessThan(MAX_GROWTH)
  expect(download).toBeLessThan(MAX_GROWTH)
})

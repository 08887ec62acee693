import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { startDatabaseWorker } from '../../../src/db/worker.ts'
import {
  addItem,
  codeOf,
  errorOf,
  openTestDatabase,
  temporaryFolder,
} from '../../support/database.ts'

const run = promisify(execFile)
const program = fileURLToPath(new URL('./write-and-forget.ts', import.meta.url))

test('an operation crosses to the thread and back, with its errors', async () => {
  await using folder = await temporaryFolder()
  await using db = await openTestDatabase()
  await addItem(db.database, 'one')
  await using worker = startDatabaseWorker()
  const state = await worker.request('checkpoint', { path: db.path })
  expect(state.frames).toBeGreaterThan(0)
  expect(state.checkpointed).toBe(state.frames)
  await worker.request('closeFile', { path: db.path })
  await worker.request('releaseFile', { path: db.path })

  const missing = join(folder.path, 'missing.db')
  const error = await errorOf(worker.request('checkpoint', { path: missing }))
  expect(error).toMatchObject({ code: 'STORAGE_IO', details: { file: missing } })
  expect(error.hint).toBeDefined()
})

test('closing waits for what was asked; afterwards nothing is taken', async () => {
  await using db = await openTestDatabase()
  await addItem(db.database, 'one')
  const worker = startDatabaseWorker()
  const asked = [1, 2, 3].map(() => worker.request('checkpoint', { path: db.path }))
  const last = worker.request('closeFile', { path: db.path })
  await worker.close()
  await worker.close()
  expect(await Promise.all(asked)).toHaveLength(3)
  await last
  expect(await codeOf(worker.request('checkpoint', { path: db.path }))).toBe('NODE_CLOSED')
})

test('when the thread dies what waits is rejected, and the next request has a new thread', async () => {
  await using db = await openTestDatabase()
  await addItem(db.database, 'one')
  await using worker = startDatabaseWorker()
  const started = once(process, 'worker')
  const lost = [1, 2].map(() => worker.request('checkpoint', { path: db.path }))
  const codes = Promise.all(lost.map(codeOf))
  const [thread] = (await started) as [Worker]
  await thread.terminate()
  expect(await codes).toEqual(['INTERNAL', 'INTERNAL'])
  expect(await worker.request('checkpoint', { path: db.path })).toMatchObject({
    frames: expect.any(Number),
  })
  await worker.request('closeFile', { path: db.path })
})

test('what cannot be sent rejects at once and does not wait for an answer', async () => {
  const worker = startDatabaseWorker()
  const input = { path: 'x', uncloneable: () => {} }
  await expect(worker.request('closeFile', input)).rejects.toThrow('could not be cloned')
  await worker.close()
})

test('an idle worker does not keep a process alive, one that was asked does', async () => {
  await using folder = await temporaryFolder()
  const { stdout } = await run(process.execPath, [program, folder.path], { timeout: 30_000 })
  expect(stdout).toBe('checkpointed\n')
})

test("a host's own flags do not reach the thread", async () => {
  await using folder = await temporaryFolder()
  const code = `process.argv[2] = ${JSON.stringify(folder.path)}; await import(${JSON.stringify(program)})`
  const flags = ['--input-type=module', '--eval', code]
  const { stdout } = await run(process.execPath, flags, { timeout: 30_000 })
  expect(stdout).toBe('checkpointed\n')
})

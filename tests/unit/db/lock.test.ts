import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lockFolder } from '../../../src/db/lock.ts'
import { codeOf, errorOf, temporaryFolder } from '../../support/database.ts'
import { type Program, startProgram } from '../../support/program.ts'

const program = 'prsm daemon'

function lock(folder: string) {
  return Promise.resolve().then(() => lockFolder(folder, program))
}

/** A process that holds `folder` until it is killed, at the end of the scope at the latest. */
async function holdInChild(folder: string): Promise<Program> {
  await using stack = new AsyncDisposableStack()
  const program = new URL('./hold-folder.ts', import.meta.url)
  const { child, ended } = stack.use(startProgram(program, [folder]))
  await once(child, 'message')
  const started = stack.move()
  return { child, ended, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

test('the holder is told of, in a file only the owner reads', async () => {
  await using folder = await temporaryFolder()
  const held = await lock(folder.path)
  const file = join(folder.path, 'holder.json')
  expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
    pid: process.pid,
    program,
    startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
  })
  held.tellApi('http://127.0.0.1:8000')
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ api: 'http://127.0.0.1:8000' })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  held.release()
  held.release()
  expect(await readdir(folder.path)).toEqual(['lock.db'])
})

test('two nodes of one process do not share a folder; after a release the next one has it', async () => {
  await using folder = await temporaryFolder()
  const first = await lock(folder.path)
  const error = await errorOf(lock(folder.path))
  expect(error.code).toBe('STORE_LOCKED')
  expect(error.message).toContain(`${program} (process ${process.pid}`)
  expect(error.hint).toContain('PRSM_DATA_DIR')
  expect(error.details).toMatchObject({ dataDir: folder.path, holder: { pid: process.pid } })
  first.release()
  const second = await lock(folder.path)
  second.release()
})

test('another process is kept out until the holder dies, however it dies', async () => {
  await using folder = await temporaryFolder()
  await using holder = await holdInChild(folder.path)
  const { child, ended } = holder
  const error = await errorOf(lock(folder.path))
  expect(error.code).toBe('STORE_LOCKED')
  expect(error.message).toContain(`child program (process ${child.pid} at http://127.0.0.1:1`)
  child.kill('SIGKILL')
  await ended
  const held = await lock(folder.path)
  held.release()
})

test('a holder.json that cannot be read does not hide the lock', async () => {
  await using folder = await temporaryFolder()
  const held = await lock(folder.path)
  for (const text of ['', '{"pid":', '[]', 'null', '{"pid":"1"}']) {
    await writeFile(join(folder.path, 'holder.json'), text)
    const error = await errorOf(lock(folder.path))
    expect(error.code).toBe('STORE_LOCKED')
    expect(error.message).toContain('another program')
  }
  held.release()
})

test('a lock.db that is no database is named', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'lock.db'), 'x'.repeat(5000))
  expect(await codeOf(lock(folder.path))).toBe('STORE_CORRUPT')
})

test('a folder that cannot be written to is not held', async () => {
  await using folder = await temporaryFolder()
  expect(await codeOf(lock(join(folder.path, 'missing')))).toBe('STORAGE_IO')
})

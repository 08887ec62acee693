import { dirname } from 'node:path'
import { PrsmError, systemCode, toPrsmError } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { Checkpointer } from './checkpointer.ts'
import { type Connection, openReader, openToLook, openWriter } from './connection.ts'
import { checkSchema, migrate, type Schema } from './migrate.ts'
import { Wal } from './wal.ts'
import type { DatabaseWorker } from './worker.ts'
import { WriteQueue } from './write-queue.ts'

export type DatabaseFileInit = Schema & {
  readonly path: string
  readonly pageBytes: number
  readonly foreignKeys?: boolean
  readonly files: FilePort
  readonly worker: DatabaseWorker
  readonly onFailure: (error: PrsmError) => void
  readonly onWarning: (error: PrsmError) => void
}

/** The parts of a database that is a file. */
export type DatabaseFile = {
  readonly init: DatabaseFileInit
  readonly writer: Connection
  readonly reader: Connection
  readonly wal: Wal
  readonly queue: WriteQueue
  readonly checkpointer: Checkpointer
}

/** Throws the driver's and the system's errors as they are. */
export async function openDatabaseFile(init: DatabaseFileInit): Promise<DatabaseFile> {
  await lookAt(init)
  await using stack = new AsyncDisposableStack()
  const { path, worker, onFailure, onWarning, pageBytes, foreignKeys = true } = init
  const writer = stack.adopt(openWriter(path, { pageBytes, foreignKeys }), close)
  migrate(writer, init)
  const reader = stack.adopt(openReader(path), close)
  const wal = stack.adopt(await Wal.open(writer, init.files), (file) => file.close())
  const queue = new WriteQueue({ writer, sync: () => wal.datasync(), onFailure })
  const checkpointer = new Checkpointer({ path, wal, queue, worker, onWarning })
  queue.beforeBatch = checkpointer.look
  stack.move()
  return { init, writer, reader, wal, queue, checkpointer }
}

/**
 * Refuses a file before anything changes it: a connection that can write would, when it is closed,
 * checkpoint a -wal that a crash left. One that only reads cannot open a file beside a journal that a
 * power cut in its first moments brought back, before anything was stored: that has to be rolled back.
 */
async function lookAt(init: DatabaseFileInit): Promise<void> {
  const { path, files } = init
  await files.size(dirname(path))
  const fileBytes = await sizeOf(path, files)
  const walBytes = await sizeOf(`${path}-wal`, files)
  if (fileBytes === 0 && walBytes > 0) {
    throw new PrsmError('STORE_CORRUPT', `${path} is missing or empty, but its -wal is not`, {
      hint: 'put the file back beside its -wal, or restore from a backup',
      details: { file: path },
    })
  }
  if (fileBytes === 0) return
  const journalBytes = await sizeOf(`${path}-journal`, files)
  const connection = openToLook(path, walBytes > 0 && journalBytes === 0)
  try {
    checkSchema(connection, init)
  } finally {
    connection.close()
  }
}

async function sizeOf(path: string, files: FilePort): Promise<number> {
  try {
    return await files.size(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0
    throw error
  }
}

/**
 * Closes what an idle queue leaves. The last connection to close brings the -wal into the file, with
 * its syncs: the worker's. After a failed sync nothing may be copied out of the -wal (its pages in
 * memory may not be what is on the disk): then the reader is last, which cannot do that.
 */
export async function closeDatabaseFile(file: DatabaseFile): Promise<void> {
  const { init, writer, reader, wal, queue, checkpointer } = file
  await checkpointer.stop()
  if (queue.failure === undefined && !wal.isEmpty()) {
    await warned(checkpointer.last(), init.onWarning)
  }
  await warned(wal.close(), init.onWarning)
  if (queue.failure !== undefined) {
    await askIfUsed(file, 'closeFile')
    writer.close()
    reader.close()
  } else {
    reader.close()
    writer.close()
    await askIfUsed(file, 'closeFile')
  }
  await askIfUsed(file, 'releaseFile')
}

/** A worker that was not asked about this file has nothing of it open, and may not even run. */
async function askIfUsed(
  { init, checkpointer }: DatabaseFile,
  name: 'closeFile' | 'releaseFile',
): Promise<void> {
  if (!checkpointer.used) return
  await warned(init.worker.request(name, { path: init.path }), init.onWarning)
}

/** Closing goes on to its end, whatever fails on the way: what was acknowledged is in the -wal. */
async function warned(
  work: Promise<unknown>,
  onWarning: (error: PrsmError) => void,
): Promise<void> {
  try {
    await work
  } catch (error) {
    onWarning(toPrsmError(error))
  }
}

function close(connection: Connection): void {
  connection.close()
}
